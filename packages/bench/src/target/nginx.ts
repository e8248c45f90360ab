/**
 * nginx as a target: one worker that costs a fraction of what the fastest client does. A small body may still be on its way
 * when it is answered; a large one is read whole first, as S3 does, which is what the second server behind it is for.
 */

import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ANSWER_HEADERS, download, UPLOAD_COMPLETED, UPLOAD_CREATED } from "./objects.js";

const NGINX = ["nginx", "/usr/sbin/nginx"];

export function findNginx(): string | undefined {
  return NGINX.find((path) => spawnSync(path, ["-v"]).status === 0);
}

export interface Ports {
  readonly port: number;
  readonly tlsPort: number;
}

/**
 * @param folder holds `key.pem` and `certificate.pem`, and takes nginx's own files. It is gone when nginx is.
 * @param sizes of the objects that are there to be read.
 * @returns the process that ends nginx when it is disconnected from, however that comes about.
 */
export async function startNginx(
  path: string,
  folder: string,
  sizes: readonly number[],
): Promise<Ports & { readonly child: ChildProcess }> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  writeFileSync(join(folder, "nginx.conf"), configuration(folder, { port, tlsPort }, sizes));
  const child = fork(join(import.meta.dirname, "nginx-guard.js"), [path, folder], {
    detached: true,
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await Promise.all([isListening(port), isListening(tlsPort)]);
  return { port, tlsPort, child };
}

const headers = (of: Readonly<Record<string, string>>) =>
  Object.entries(of)
    .map(([name, value]) => `add_header ${name} '${value}';`)
    .join("\n");

/** Writes an object of that size, and says how it is served. */
function readable(folder: string, size: number): string {
  const { body, headers: own } = download(size);
  writeFileSync(join(folder, `object-${size}`), body);
  const { "content-type": _, ...others } = own;
  return `
    location ~ /read-${size}/ {
      ${headers(ANSWER_HEADERS)}
      ${headers(others)}
      etag off;
      rewrite ^ /object-${size} break;
      root ${folder};
    }`;
}

function configuration(folder: string, { port, tlsPort }: Ports, sizes: readonly number[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(folder, name)};`)
    .join("\n");
  const takes = `${headers(ANSWER_HEADERS)} if ($request_method = DELETE) { return 204; } return 200 $answer;`;
  return `
daemon off;
worker_processes 1;
pid ${join(folder, "nginx.pid")};
error_log ${join(folder, "error.log")} crit;
events { worker_connections 2048; }
http {
  access_log off;
  ${temporary}
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  client_max_body_size 0;
  client_body_buffer_size 20m;
  default_type application/octet-stream;
  open_file_cache max=100 inactive=600s;
  map "$request_method $args" $answer {
    default "";
    "~^POST .*uploadId=" "${UPLOAD_COMPLETED}";
    "~^POST " "${UPLOAD_CREATED}";
  }
  upstream reader { server unix:${join(folder, "reader.sock")}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen unix:${join(folder, "reader.sock")};
    location / { ${takes} }
  }
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl;
    ssl_certificate ${join(folder, "certificate.pem")};
    ssl_certificate_key ${join(folder, "key.pem")};
    ${sizes.map((size) => readable(folder, size)).join("")}
    location ~ /large/ {
      proxy_pass http://reader;
      proxy_http_version 1.1;
      proxy_pass_request_body off;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
    }
    location / { ${takes} }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** @throws Error when nothing listens there within five seconds. */
async function isListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(port, "127.0.0.1");
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await pause(50);
  }
  throw new Error(`nginx did not come up at port ${port}: what it printed says why`);
}
