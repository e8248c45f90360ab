/** Attacks by the real thing: a browser on another origin, a proxy that forwards, ten thousand connections of other processes. */

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { describe, expect, it, onTestFinished } from "vitest";
import { isMissing } from "../../../tools/real-tool.js";
import { eventually, folder, host, OWN, ROLES, request } from "./host.js";

const CHROMIUM = "/usr/bin/chromium";
const NGINX = "/usr/sbin/nginx";

/** The page comes from this host, too: else the browser's own guard of local networks would step in, which not all have. */
async function attackersPage() {
  const page = readFileSync(new URL("attackers-page.html", import.meta.url));
  const server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(page));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function browser(...args: string[]) {
  // Its sandbox does not work as root, and what is opened here is ours.
  const launched = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: process.getuid?.() !== 0, args });
  onTestFinished(() => launched.close());
  return launched;
}

describe("a real browser", { timeout: 60_000 }, () => {
  it.skipIf(isMissing("chromium", CHROMIUM, "--version"))(
    "with a page of another origin is refused on each port, whatever the page makes it send",
    async () => {
      const { agent, log, ask } = await host();
      const [address, launched] = [await attackersPage(), await browser()];
      const page = await launched.newPage();
      await page.goto(address);
      const attacks = await page.evaluate<string[]>("Object.keys(attacks)");
      expect(attacks.length).toBeGreaterThan(10);
      const targets = [`${agent.containerUrl}${OWN}`, `${agent.imdsUrl}${ROLES}`, `${agent.adminUrl}/v1/status`];

      for (const url of targets) {
        for (const attack of attacks) {
          const before = log.all.length;
          const read = await page.evaluate<string>(`attacks[${JSON.stringify(attack)}](${JSON.stringify(url)})`);
          const told = await eventually(
            async () => log.all.slice(before).filter(({ refused }) => refused !== undefined),
            ({ length }) => length > 0,
          );

          expect.soft(told[0]?.refused, `${attack} at ${url}`).toBe("browser");
          expect.soft(read, `${attack} at ${url}`).not.toMatch(/AccessKeyId|container|evertoken-role|it was/);
        }
      }

      expect(agent.status().answers).toBe(0);
      expect((await ask()).status).toBe(200);
    },
  );

  it.skipIf(isMissing("chromium", CHROMIUM, "--version"))(
    "whose page's name was rebound to this host is refused, though to the browser it is the same origin",
    async () => {
      const { agent, log, ask } = await host();
      const launched = await browser("--host-resolver-rules=MAP rebound.example 127.0.0.1");
      const page = await launched.newPage();
      const targets = [`${agent.containerUrl}${OWN}`, `${agent.imdsUrl}${ROLES}`, `${agent.adminUrl}/v1/status`];

      for (const url of targets) {
        const answer = await page.goto(url.replace("127.0.0.1", "rebound.example"));

        expect(answer?.status()).toBe(403);
        expect(await answer?.text()).toMatch(/"code":"host"/);
      }

      expect(log.all).toContainEqual(expect.objectContaining({ refused: "host" }));
      expect(agent.status().answers).toBe(0);
      expect((await ask()).status).toBe(200);
    },
  );
});

/** nginx as people put it in front of things, for `target`; gives the socket on which it is asked. */
async function nginxBefore(target: string): Promise<string> {
  const prefix = folder();
  const socket = join(prefix, "nginx.sock");
  mkdirSync(join(prefix, "logs"));
  writeFileSync(
    join(prefix, "nginx.conf"),
    `daemon off; master_process off; pid nginx.pid; error_log stderr;
     events {}
     http {
       access_log off;
       client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
       server {
         listen unix:${socket};
         location / {
           proxy_pass ${target};
           proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
         }
       }
     }`,
  );
  const nginx = spawn(NGINX, ["-p", prefix, "-c", join(prefix, "nginx.conf")], { stdio: "ignore" });
  onTestFinished(() => void nginx.kill("SIGKILL"));
  await eventually(
    () => request("http://localhost/", { socketPath: socket }).catch(() => undefined),
    (answer) => answer !== undefined,
  );
  return socket;
}

describe("a real proxy that forwards what it is asked (nginx)", () => {
  it.skipIf(isMissing("nginx-light", NGINX, "-v"))("gets nothing, with the right token either", async () => {
    const { agent, token, session, log, ask } = await host();
    const container = await nginxBefore(agent.containerUrl);
    const imds = await nginxBefore(agent.imdsUrl ?? "");
    const granted = await session();

    const answers = [
      await request(`http://localhost${OWN}`, { socketPath: container, headers: { authorization: token() } }),
      await request(`http://localhost${ROLES}`, {
        socketPath: imds,
        headers: { "x-aws-ec2-metadata-token": granted },
      }),
      await request("http://localhost/latest/api/token", {
        method: "PUT",
        socketPath: imds,
        headers: { "x-aws-ec2-metadata-token-ttl-seconds": "60" },
      }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    for (const { body } of answers) expect(body).not.toContain("AccessKeyId");
    expect(log.all).toContainEqual(expect.objectContaining({ refused: "proxy" }));
    expect(agent.status().answers).toBe(0);
    expect((await ask()).status).toBe(200);
  });
});

/** Holds connections from many addresses of the loopback until it is ended; tells how many there were. */
const IDLE = `
import { connect } from "node:net";
const [port, count] = process.argv.slice(1).map(Number);
let opened = 0;
const open = (number) => new Promise((resolve) => {
  const socket = connect({ port, host: "127.0.0.1", localAddress: \`127.0.0.\${2 + (number % 100)}\` });
  socket.on("connect", () => { opened += 1; resolve(); });
  socket.on("error", resolve);
});
for (let number = 0; number < count; number += 200) {
  await Promise.all(Array.from({ length: 200 }, (_, index) => open(number + index)));
  console.log(opened);
}
setInterval(() => {}, 1000);
`;

const CONNECTIONS = 10_000;

/** As many files may a process open at most here. */
const mayOpen = Number(execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).replace("unlimited", "Infinity"));
const tooFewFiles = mayOpen < CONNECTIONS + 100;
if (tooFewFiles) console.warn(`SKIPPED: a process may open ${mayOpen} files here (ulimit -Hn)`);

describe("ten thousand idle connections from a hundred addresses", { timeout: 180_000 }, () => {
  it.skipIf(tooFewFiles)(
    "cost those who hold them theirs; honest programs are answered while they come and while they stay",
    async () => {
      const { agent, ask, log } = await host();
      const { port } = new URL(agent.containerUrl);
      const attacker = spawn(process.execPath, ["--input-type=module", "-e", IDLE, port, String(CONNECTIONS)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      onTestFinished(() => void attacker.kill("SIGKILL"));
      let opened = 0;
      createInterface({ input: attacker.stdout }).on("line", (line) => {
        opened = Number(line);
      });

      const answers: number[] = [];
      while (opened < CONNECTIONS && attacker.exitCode === null) answers.push((await ask()).status);
      for (let again = 0; again < 50; again++) answers.push((await ask()).status);

      expect(opened).toBe(CONNECTIONS);
      expect(answers.length).toBeGreaterThan(60);
      expect(new Set(answers)).toEqual(new Set([200]));
      expect(log.all).toContainEqual(expect.objectContaining({ refused: "connections" }));
    },
  );
});
