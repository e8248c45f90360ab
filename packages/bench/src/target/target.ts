/**
 * What clients send to unless they are given another target: a server that does next to nothing, in a process of its own, over HTTP and HTTPS. nginx when this
 * machine has it, else Node.js's own server, which takes longer for an answer than the fastest lane does.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { findNginx, type Ports, startNginx } from "./nginx.js";

export interface Target {
  readonly name: "nginx" | "Node.js";
  readonly http: string;
  readonly https: string;
  /** Whom to trust for HTTPS: PEM. */
  readonly ca: string;
  /** The same, in a file. */
  readonly caFile: string;
  /** Of the process that answers. */
  readonly pid: number;
  close(): Promise<void>;
}

/** @param sizes of the objects that are there to be read, under `read-SIZE/`. */
export async function startTarget(sizes: readonly number[]): Promise<Target> {
  const { private: key, cert: ca } = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
  });
  const folder = mkdtempSync(join(tmpdir(), "evertoken-target-"));
  // Started by root, nginx works as somebody else, who has to reach its files.
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "key.pem"), key, { mode: 0o600 });
  writeFileSync(join(folder, "certificate.pem"), ca);
  const nginx = findNginx();
  const { child, port, tlsPort } = await (nginx === undefined
    ? startNode(key, ca, sizes)
    : startNginx(nginx, folder, sizes));
  return {
    name: nginx === undefined ? "Node.js" : "nginx",
    http: `http://127.0.0.1:${port}`,
    https: `https://localhost:${tlsPort}`,
    ca,
    caFile: join(folder, "certificate.pem"),
    pid: child.pid ?? 0,
    close: async () => {
      // Either ends when nobody is there for it any more.
      if (child.connected) child.disconnect();
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startNode(
  KEY: string,
  CERTIFICATE: string,
  sizes: readonly number[],
): Promise<Ports & { readonly child: ChildProcess }> {
  const env = { ...process.env, KEY, CERTIFICATE, SIZES: sizes.join(",") };
  const child = fork(join(import.meta.dirname, "node-server.js"), { env });
  const [ports] = (await once(child, "message")) as [Ports];
  return { ...ports, child };
}
