// Asks over raw sockets, in a process of its own: requests that were written beforehand, again on each connection as soon as
// the answer is here. Tells how many were answered, how long each took, and how much of a core the asking itself took.
import { connect } from "node:net";

process.on("message", async ({ port, requests, status, connections, seconds, count }) => {
  const written = requests.map((text) => Buffer.from(text, "latin1"));
  const latencies = [];
  const until = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
  let asked = 0;
  let answered = 0;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  try {
    await Promise.all(Array.from({ length: connections }, () => client()));
    const ms = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpu);
    latencies.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) => latencies[Math.floor(latencies.length * part)]);
    process.send({ answered, ms, p50, p99, busy: (user + system) / 1000 / ms });
  } catch (error) {
    process.send({ problem: error.message });
  }

  function client() {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      socket.setNoDelay(true);
      let sentAt = 0;
      let missing = 0;
      const ask = () => {
        sentAt = performance.now();
        if (sentAt >= until || (count !== undefined && asked >= count)) {
          socket.destroy();
          return resolve();
        }
        socket.write(written[asked++ % written.length]);
      };
      socket.on("data", (chunk) => {
        if (missing === 0) {
          const end = chunk.indexOf("\r\n\r\n");
          const head = chunk.latin1Slice(0, end).toLowerCase();
          if (end < 0 || !head.startsWith(`http/1.1 ${status}`)) return reject(new Error(chunk.toString("latin1")));
          const length = /content-length: (\d+)/.exec(head)?.[1] ?? 0;
          missing = end + 4 + Number(length);
        }
        missing -= chunk.length;
        if (missing > 0) return;
        answered += 1;
        if (answered % 16 === 0) latencies.push(performance.now() - sentAt);
        ask();
      });
      socket.on("error", reject).on("connect", ask);
    });
  }
});
process.on("disconnect", () => process.exit());
