// Runs in the virtual machine, as root, once it has booted: installs what deploy/systemd has, as docs/agent.md says, and checks
// it from outside, one after the other, in the Test Anything Protocol. Each check leaves the agent running and IMDS up.

import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import * as guest from "./guest.mjs";
import { sandbox } from "./sandbox.mjs";

const {
  ask,
  as,
  eventually,
  imds,
  journal,
  property,
  readiness,
  say,
  secrets,
  sh,
  shLater,
  sleep,
  status,
  systemctl,
  tried,
} = guest;

const CONFIG = "/etc/evertoken/agent.yaml";
const UNIT = "evertoken-agent.service";
const DROP_INS = `/etc/systemd/system/${UNIT}.d`;

const checks = [];
const check = (name, body) => checks.push({ name, body });

const pid = () => Number(property("MainPID"));
const served = (limitMs) => eventually(ask, (answer) => answer.status === 200, limitMs);
const restarts = () => Number(property("NRestarts"));

function dropIn(name, text) {
  mkdirSync(DROP_INS, { recursive: true });
  writeFileSync(`${DROP_INS}/${name}`, text);
  systemctl("daemon-reload");
}

function withoutDropIn(name) {
  rmSync(`${DROP_INS}/${name}`);
  systemctl("daemon-reload");
}

function prepare() {
  for (const link of ["node", "evertoken"]) rmSync(`/usr/bin/${link}`, { force: true });
  symlinkSync("/opt/node", "/usr/bin/node");
  symlinkSync("/opt/evertoken/node_modules/.bin/evertoken", "/usr/bin/evertoken");
  for (const address of ["169.254.169.254", "169.254.170.2"]) sh(`ip addr add ${address}/32 dev lo`);
  // Time of IMDS is its own: it runs on when this machine's clock is stepped.
  sh("systemd-run --unit=imds evertoken simulate --link-local --clock manual --lifetime 360 --rotation 60");
  mkdirSync("/etc/evertoken");
  copyFileSync("/opt/deploy/agent.yaml", CONFIG);
  mkdirSync("/usr/lib/sysusers.d", { recursive: true });
  copyFileSync("/opt/deploy/evertoken.sysusers", "/usr/lib/sysusers.d/evertoken.conf");
  for (const unit of [UNIT, "evertoken-agent.socket"])
    copyFileSync(`/opt/deploy/${unit}`, `/etc/systemd/system/${unit}`);
  sh("systemd-sysusers");
  sh("useradd --system --no-create-home --groups evertoken member");
  systemctl("daemon-reload");
}

check("the service starts on its own, as systemd is told", async () => {
  systemctl("enable", "--now", "evertoken-agent.socket", UNIT);
  assert.equal(property("ActiveState"), "active");
  assert.equal(property("StatusText"), "serving on http://127.0.0.1:9820");
  assert.equal((await ask()).status, 200);
  assert.equal((await readiness()).status, 200);
});

check(
  "the process has no capability, no way to new privileges, a filter of system calls and memory that is in no core dump",
  () => {
    const told = readFileSync(`/proc/${pid()}/status`, "utf8");
    for (const line of [/^CapEff:\t0+$/m, /^CapBnd:\t0+$/m, /^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m])
      assert.match(told, line);
    assert.match(told, new RegExp(`^Uid:\t${sh("id -u evertoken")}\t`, "m"));
    assert.equal(readFileSync(`/proc/${pid()}/coredump_filter`, "utf8").trim(), "00000000");
    assert.match(readFileSync(`/proc/${pid()}/limits`, "utf8"), /^Max core file size\s+0\s+0/m);
  },
);

check("the token is read by members of the group evertoken, and by nobody else", () => {
  assert.equal(as("member", `cat ${guest.TOKEN_FILE}`, "--init-groups").done, true);
  assert.equal(as("nobody", `cat ${guest.TOKEN_FILE}`).done, false);
  assert.equal(as("nobody", "ls /run/evertoken").done, false);
  assert.equal(as("member", "ls /var/lib/evertoken", "--init-groups").done, false);
  assert.equal(as("member", "cat /run/evertoken/session-key", "--init-groups").done, false);
  assert.equal(as("member", `echo x > ${guest.TOKEN_FILE}`, "--init-groups").done, false);
  assert.equal(as("nobody", `cat /proc/${pid()}/environ`).done, false);
});

check("the audit names the user who asked", async () => {
  const asked = as("member", "node /opt/checks/ask-once.mjs", "--init-groups");
  assert.equal(asked.said, "200");
  await eventually(
    journal,
    (text) => new RegExp(`"audit":"credentials".*"uid":${sh("id -u member")}\\b`).test(text),
    10_000,
  );
});

check("a connection that comes before the service is answered by it", async () => {
  systemctl("stop", UNIT);
  assert.equal(property("ActiveState"), "inactive");
  assert.equal(property("ActiveState", "evertoken-agent.socket"), "active");
  assert.equal((await ask()).status, 200);
  await eventually(
    () => property("ActiveState"),
    (state) => state === "active",
  );
});

check("systemctl reload applies the file, and one that is wrong changes nothing", async () => {
  const before = readFileSync(CONFIG, "utf8");
  const running = pid();
  writeFileSync(CONFIG, before.replace("readySeconds: 900", "readySeconds: 1200"));
  systemctl("reload", UNIT);
  await eventually(status, ({ readySeconds }) => readySeconds === 1200, 10_000);
  await eventually(
    () => property("ActiveState"),
    (state) => state === "active",
    10_000,
  );
  writeFileSync(CONFIG, "readySeconds: soon\n");
  systemctl("reload", UNIT);
  await eventually(journal, (text) => text.includes("the configuration is refused"), 10_000);
  await eventually(
    () => property("ActiveState"),
    (state) => state === "active",
    10_000,
  );
  assert.equal((await status()).readySeconds, 1200);
  assert.equal((await ask()).status, 200);
  writeFileSync(CONFIG, before);
  systemctl("reload", UNIT);
  await eventually(status, ({ readySeconds }) => readySeconds === 900, 10_000);
  assert.equal(pid(), running);
});

check("killed, it is back, and who asks meanwhile is answered with the token from before", async () => {
  const [running, times] = [pid(), restarts()];
  const token = readFileSync(guest.TOKEN_FILE, "utf8");
  process.kill(running, "SIGKILL");
  await eventually(
    () => property("ActiveState"),
    (state) => state !== "active",
    10_000,
  );
  assert.equal((await ask()).status, 200);
  assert.notEqual(pid(), running);
  assert.equal(restarts(), times + 1);
  assert.equal(readFileSync(guest.TOKEN_FILE, "utf8"), token);
});

check("an upgrade under load costs nobody a request", async () => {
  const failures = [];
  let answers = 0;
  let stopped = false;
  const client = async () => {
    while (!stopped) {
      await ask().then(
        (answer) => (answer.status === 200 ? answers++ : failures.push(answer.status)),
        (error) => failures.push(error.message),
      );
      await sleep(50);
    }
  };
  const clients = Promise.all(Array.from({ length: 4 }, client));
  for (let upgrade = 0; upgrade < 2; upgrade++) {
    await shLater(`systemctl restart ${UNIT}`);
    const before = answers;
    await eventually(
      async () => answers,
      (count) => count > before + 10,
    );
  }
  stopped = true;
  await clients;
  assert.deepEqual(failures, []);
});

check("what is under way when it is stopped is answered", async () => {
  const socket = connect(9820, "127.0.0.1");
  await once(socket, "connect");
  socket.write(
    `GET /v1/credentials HTTP/1.1\r\nHost: 127.0.0.1:9820\r\nAuthorization: ${readFileSync(guest.TOKEN_FILE, "utf8")}\r\n`,
  );
  await sleep(500);
  const stopping = shLater(`systemctl stop ${UNIT}`);
  await eventually(
    () => property("ActiveState"),
    (state) => state === "deactivating",
    10_000,
  );
  // Its process has the signal then; emulated, it needs some time to act on it.
  await sleep(1500);
  socket.end("\r\n");
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  await stopping;
  assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/i);
  assert.equal(property("Result"), "success");
  systemctl("start", UNIT);
});

check("the watchdog leaves it alone while it turns, and replaces it when it does not", async () => {
  dropIn("watchdog.conf", "[Service]\nWatchdogSec=8\n");
  systemctl("restart", UNIT);
  const [running, times] = [pid(), restarts()];
  await sleep(20_000);
  assert.equal(pid(), running);
  process.kill(running, "SIGSTOP");
  await eventually(restarts, (count) => count === times + 1, 40_000);
  await served();
  assert.match(sh(`journalctl -u ${UNIT} --no-pager`), /Watchdog timeout/);
  withoutDropIn("watchdog.conf");
  systemctl("restart", UNIT);
});

check("in its sandbox root itself, without capabilities as there, can do nothing to the host", () => {
  const attempts = {
    "write to /etc": "touch /etc/made",
    "write to /usr": "touch /usr/made",
    "write beside its own folder of state": "touch /var/lib/made",
    "look into /root": "ls /root",
    "see a disk": "ls /dev/vda",
    mount: "mount -t tmpfs none /mnt",
    "set the clock": `date -s @${Math.floor(Date.now() / 1000)}`,
    "set the host's name": "hostname other",
    "change the kernel's settings": "echo 1 > /proc/sys/vm/drop_caches",
    "read the kernel's log": "dmesg",
    "write to a control group": "mkdir /sys/fs/cgroup/made",
    "make a namespace": "unshare --user true",
    "ask the kernel about interfaces": "ip link",
    "give a file the right to become root": "touch /tmp/made && chmod u+s /tmp/made",
    "change the owner of a file": "touch /tmp/made && chown nobody /tmp/made",
    "take a real-time priority": "chrt -f 1 true",
  };
  const outside = Object.entries(attempts).filter(([, script]) => !tried(script).done);
  assert.deepEqual(
    outside.map(([what]) => what),
    [],
    "what does not work outside either proves nothing",
  );
  const inside = sandbox(attempts, { user: "root" });
  assert.deepEqual(
    inside.filter(({ done }) => done).map(({ what }) => what),
    [],
  );
  sh("rm -f /etc/made /usr/made /var/lib/made; rmdir /sys/fs/cgroup/made; umount /mnt");
});

check("with imds-only.conf it reaches this host and IMDS, and no other address", async () => {
  sh("ip link add outside type dummy && ip addr add 192.0.2.1/24 dev outside && ip link set outside up");
  const server = createServer((_, response) => response.end("reached"));
  await once(server.listen(8080, "192.0.2.1"), "listening");
  const attempts = {
    "an address outside": "node /opt/checks/reach.mjs 192.0.2.1 8080",
    IMDS: "node /opt/checks/reach.mjs 169.254.169.254 80",
  };
  const open = await sandbox.later(attempts, { user: "evertoken" });
  assert.deepEqual(
    open.map(({ done }) => done),
    [true, true],
  );
  copyFileSync("/opt/deploy/evertoken-agent.service.d/imds-only.conf", `${DROP_INS}/imds-only.conf`);
  const closed = await sandbox.later(attempts, { user: "evertoken", dropIn: `${DROP_INS}/imds-only.conf` });
  assert.deepEqual(
    closed.map(({ done }) => done),
    [false, true],
  );
  systemctl("daemon-reload");
  systemctl("restart", UNIT);
  await served();
  server.close();
});

check("started while IMDS is down, it says 503 and serves once IMDS is up, without a hand", async () => {
  await imds.down();
  systemctl("restart", UNIT);
  assert.equal(property("ActiveState"), "active");
  const answer = await ask();
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.retryAfter) > 0);
  await imds.up();
  await served(120_000);
});

/** The optional drop-in for the state file, as it is or with the line for an encrypted key. */
function keepState(change = (text) => text) {
  sh("umask 077; head -c 32 /dev/urandom > /etc/evertoken/state-key");
  dropIn("state.conf", change(readFileSync("/opt/deploy/evertoken-agent.service.d/state.conf", "utf8")));
}

check("with a key from systemd's credentials it serves at once what it held, while IMDS is down", async () => {
  keepState();
  await warmRestart();
});

check("the same with a key that is encrypted with the host's", async () => {
  keepState((text) => text.replace(/^LoadCredential=.*\n#/m, ""));
  sh("systemd-creds encrypt --with-key=host --name=state-key /etc/evertoken/state-key /etc/evertoken/state-key.cred");
  rmSync("/etc/evertoken/state-key");
  await warmRestart();
  assert.equal(as("nobody", `cat /run/credentials/${UNIT}/state-key`).done, false);
  assert.equal(as("member", "cat /var/lib/evertoken/state", "--init-groups").done, false);
});

async function warmRestart() {
  systemctl("restart", UNIT);
  const before = await served();
  await eventually(
    async () => tried("stat -c %a:%U /var/lib/evertoken/state").said,
    (mode) => mode === "600:evertoken",
    10_000,
  );
  assert.equal(tried(`grep -c ${before.AccessKeyId} /var/lib/evertoken/state`).done, false);
  await imds.down();
  systemctl("restart", UNIT);
  assert.deepEqual(await ask(), before);
  await eventually(readiness, ({ sourceFailingSince }) => sourceFailingSince !== undefined, 30_000);
  await imds.up();
}

check("with the disk of its state full it serves, and says so", async () => {
  keepState();
  systemctl("stop", UNIT, "evertoken-agent.socket");
  sh("mount -t tmpfs -o size=64k,mode=700,uid=evertoken,gid=evertoken none /var/lib/evertoken");
  tried("head -c 1M /dev/zero > /var/lib/evertoken/filler");
  systemctl("start", "evertoken-agent.socket", UNIT);
  await served();
  await eventually(journal, (text) => text.includes("the state file cannot be written"), 20_000);
  const { troubles } = await status();
  assert.match(JSON.stringify(troubles), /state file.*ENOSPC/);
  assert.equal((await readiness()).status, 200);
  systemctl("stop", UNIT, "evertoken-agent.socket");
  sh("umount /var/lib/evertoken");
  systemctl("start", "evertoken-agent.socket", UNIT);
});

check("with the folder of its tokens full it keeps them, and starts", async () => {
  systemctl("stop", UNIT, "evertoken-agent.socket");
  sh(
    "cp -a /run/evertoken /run/kept && mount -t tmpfs -o size=64k,mode=750,uid=evertoken,gid=evertoken none /run/evertoken && cp -a /run/kept/. /run/evertoken",
  );
  tried("head -c 1M /dev/zero > /run/evertoken/filler");
  systemctl("start", "evertoken-agent.socket", UNIT);
  assert.equal((await ask()).status, 200);
  sh(`systemctl kill --kill-whom=main -s USR1 ${UNIT}`);
  await eventually(journal, (text) => /new authorization tokens cannot be written/.test(text), 20_000);
  assert.equal((await ask()).status, 200);
  assert.match(JSON.stringify((await status()).troubles), /ENOSPC/);
  rmSync("/run/evertoken/filler");
  sh(`systemctl kill --kill-whom=main -s USR1 ${UNIT}`);
  await eventually(
    async () => (await status()).troubles,
    (list) => list.length === 0,
    10_000,
  );
  assert.equal((await ask()).status, 200);
  systemctl("stop", UNIT, "evertoken-agent.socket");
  sh("umount /run/evertoken");
  systemctl("start", "evertoken-agent.socket", UNIT);
});

check("with its log on a full disk it serves, says so, and logs again when there is room", async () => {
  mkdirSync("/var/log/evertoken");
  sh("mount -t tmpfs -o size=64k none /var/log/evertoken && touch /var/log/evertoken/log");
  tried("head -c 1M /dev/zero > /var/log/evertoken/filler");
  dropIn("log.conf", "[Service]\nStandardOutput=append:/var/log/evertoken/log\n");
  systemctl("restart", UNIT);
  const running = pid();
  for (let times = 0; times < 5; times++) assert.equal((await ask()).status, 200);
  assert.match(JSON.stringify((await status()).troubles), /ENOSPC/);
  rmSync("/var/log/evertoken/filler");
  await ask();
  await eventually(
    async () => readFileSync("/var/log/evertoken/log", "utf8"),
    (text) => text.split("credentials handed out").length > 6,
    10_000,
  );
  assert.equal(pid(), running);
  assert.deepEqual((await status()).troubles, []);
  withoutDropIn("log.conf");
  systemctl("restart", UNIT);
  sh("umount /var/log/evertoken");
});

for (const hours of [8, -8]) {
  check(`with the clock set ${hours} hours off it serves what is good, and says what happened`, async () => {
    systemctl("restart", UNIT);
    await served();
    const { secondsLeft } = (await status()).credentials[0];
    sh(`date -s @${Math.floor(Date.now() / 1000) + hours * 3600}`);
    await served(5000);
    const seen = [];
    for (let times = 0; times < 20; times++) seen.push((await ask()).status);
    assert.deepEqual(new Set(seen), new Set([200]));
    const told = await status();
    assert.ok(
      Math.abs(told.credentials[0].secondsLeft - secondsLeft) < 60,
      `${told.credentials[0].secondsLeft} s left`,
    );
    assert.ok(Math.abs(told.lastClockStep.byMs - hours * 3_600_000) < 60_000);
    await eventually(journal, (text) => text.includes("this host's clock was set"), 20_000);
    sh(`date -s @${Math.floor(Date.now() / 1000) - hours * 3600}`);
    await served(5000);
  });
}

check("failing again and again at its start, it is there once it can be, without a hand", async () => {
  // Named so that it goes last. A wrong configuration does the same, but here it takes longer to say so than systemd's limit looks back.
  dropIn("zz-fails.conf", "[Service]\nExecStart=\nExecStart=/bin/false\nRestartSec=0\n");
  tried(`systemctl restart ${UNIT}`);
  await eventually(restarts, (count) => count >= 8, 60_000);
  withoutDropIn("zz-fails.conf");
  await served(40_000);
});

check("no line in the journal has a secret, nor has what everybody can read", () => {
  const all =
    sh("journalctl --no-pager -a -o export") + sh(`systemctl status --no-pager ${UNIT}; cat /run/evertoken/agent.json`);
  assert.ok(secrets.size > 3);
  for (const secret of secrets) assert.ok(!all.includes(secret), `one of ${secret.length} characters`);
});

async function main() {
  say(`# ${sh("systemctl --version | head -1")}, ${sh("uname -r")}, Node.js ${process.version}`);
  prepare();
  await imdsIsThere();
  const chosen = checks.filter(
    ({ name }, index) => index === 0 || new RegExp(readFileSync("/opt/checks/only", "utf8")).test(name),
  );
  say(`1..${chosen.length}`);
  for (const [index, { name, body }] of chosen.entries()) {
    const startedAt = performance.now();
    try {
      await body();
      say(`ok ${index + 1} - ${name} # ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    } catch (error) {
      say(`not ok ${index + 1} - ${name}`);
      say(
        `${error.stack ?? error}\n${error.stderr ?? ""}\n${tried(`journalctl -u ${UNIT} -n 12 -o short-monotonic --no-pager`).said}`.replace(
          /^/gm,
          "# ",
        ),
      );
      await imds.up().catch(() => {});
    }
  }
  say(`# ${sh(`systemd-analyze security ${UNIT} --no-pager | tail -1`)}`);
}

async function imdsIsThere() {
  await eventually(
    () => guest.http("http://127.0.0.1:1339/health"),
    ({ status }) => status === 200,
  );
  await imds.post("/clock/speed", { speed: 1 });
}

await main().catch((error) =>
  say(`${error.stack}\n${tried("journalctl -b -n 20 --no-pager").said}`.replace(/^/gm, "# ")),
);
sh("systemctl poweroff --no-block");
