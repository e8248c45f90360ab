// Asks the simulator for nonsense over raw sockets. Most of it S3: random headers, queries, XML bodies, forms and chunked
// framing, half of it with a good signature, so that it gets to the parsers behind; the rest STS, the container endpoint and IMDS:
//   npm run fuzz:simulator -- [--seconds 300] [--seed N]
// The simulator runs in a process of its own. Exit code 1 when it ends, keeps a client waiting, takes more and more memory, fails
// by itself, or S3 answers in another form than S3's; what was asked is printed then, and the same seed asks it again.
import { fork } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { startSimulator } from "@evertoken/simulator";

const CLIENTS = 16;
/** A client that has said all it wants to and got no answer closes its side then: S3 may be waiting for more. */
const PATIENCE_MS = 400;
/** From then on S3 has no reason left to keep it waiting. */
const HANGS_AFTER_MS = 5000;
/** The journal alone may hold its newest 100,000 entries. */
const MOST_MEMORY_MB = 700;

async function serve() {
  const simulator = await startSimulator({ credentialLifetimeMs: 12 * 3_600_000 });
  const { imdsUrl, s3Url, stsUrl, containerUrl } = simulator;
  process.send({ imdsUrl, s3Url, stsUrl, containerUrl });
  process.on("disconnect", () => process.exit());
  process.on("message", () => {
    globalThis.gc?.();
    process.send({ rssMb: process.memoryUsage.rss() / 1e6 });
  });
}

async function fuzz() {
  const { values } = parseArgs({ options: { seconds: { type: "string" }, seed: { type: "string" } } });
  const seconds = Number(values.seconds ?? 300);
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  const child = fork(new URL(import.meta.url), { execArgv: ["--expose-gc"] });
  const message = () => new Promise((resolve) => child.once("message", resolve));
  const { imdsUrl, s3Url, stsUrl, containerUrl } = await message();
  const portOf = (url) => Number(new URL(url).port);
  const port = portOf(s3Url);
  const target = { port, host: `127.0.0.1:${port}`, credential: await credentialOf(imdsUrl) };
  const others = { STS: portOf(stsUrl), containers: portOf(containerUrl), IMDS: portOf(imdsUrl) };
  const counts = new Map();
  const problems = [];
  let end = false;
  child.once("exit", (code, signal) => {
    if (!end) problems.push(`the simulator ended with ${code ?? signal}`);
  });

  const client = async (number) => {
    const random = randomFrom(seed + number);
    while (!end && problems.length === 0) {
      const asked = random.chance(0.2) ? elsewhere(random, others) : { port, ...anyRequest(random, target) };
      const { answer, wasPatient } = await exchange(asked.port, asked.bytes);
      const what = judged(answer, wasPatient, asked);
      counts.set(what, (counts.get(what) ?? 0) + 1);
      if (/^[A-Z]{2,} /.test(what))
        problems.push(`${what}\n--- asked\n${shown(asked.bytes)}\n--- answered\n${shown(answer)}`);
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
  let most = 0;
  for (let second = 0; second < seconds && problems.length === 0; second += 5) {
    await waited(Math.min(5, seconds - second) * 1000);
    if (problems.length > 0) break;
    // It answers between requests, or does not: then it is busy for good.
    const answered = message();
    child.send("memory");
    const { rssMb } = await Promise.race([answered, waited(HANGS_AFTER_MS, { rssMb: Number.POSITIVE_INFINITY })]);
    most = Math.max(most, rssMb);
    if (rssMb > MOST_MEMORY_MB) problems.push(`the simulator takes ${Math.round(rssMb)} MB`);
  }
  end = true;
  await Promise.all(clients);
  child.kill();
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  for (const [what, count] of [...counts].sort(([, a], [, b]) => b - a)) console.log(String(count).padStart(9), what);
  console.log(`${total} requests in ${seconds} s, at most ${Math.round(most)} MB, seed ${seed}`);
  for (const problem of problems.slice(0, 3)) console.error(`\n${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

const waited = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

async function credentialOf(imdsUrl) {
  const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
  const token = await (await fetch(`${imdsUrl}/latest/api/token`, { method: "PUT", headers: ttl })).text();
  const path = "/latest/meta-data/iam/security-credentials/evertoken-role";
  return (await fetch(`${imdsUrl}${path}`, { headers: { "x-aws-ec2-metadata-token": token } })).json();
}

/** All that comes back, until a whole answer is there or the connection is closed. */
function exchange(port, bytes) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let answer = Buffer.alloc(0);
    let wasPatient = true;
    const finish = () => {
      clearTimeout(patience);
      clearTimeout(hangs);
      socket.destroy();
      resolve({ answer, wasPatient });
    };
    const patience = setTimeout(() => {
      wasPatient = false;
      socket.end();
    }, PATIENCE_MS);
    const hangs = setTimeout(() => {
      answer = Buffer.concat([Buffer.from("HANGS "), answer]);
      finish();
    }, HANGS_AFTER_MS);
    socket.on("data", (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (isWhole(answer)) finish();
    });
    socket.on("error", finish).on("end", finish).on("close", finish);
    socket.write(bytes);
  });
}

function isWhole(answer) {
  const text = answer.toString("latin1").replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, "");
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end)) ?? [];
  // An answer to a HEAD has a length and no body: whoever asked for one waits until its patience ends.
  return length === undefined || text.length >= end + 4 + Number(length);
}

/** A word for the statistics; it begins with capitals when something is wrong. */
function judged(answer, wasPatient, { isHead, service }) {
  const text = answer.toString("latin1").replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, "");
  if (text.startsWith("HANGS ")) return "HANGS and keeps the client waiting";
  if (text === "") return wasPatient ? "CLOSED without an answer" : "a request that was never whole: closed";
  const [, status, rest] = /^HTTP\/1\.1 (\d{3}) ([\s\S]*)$/.exec(text) ?? [];
  if (status === undefined) return "OTHER than HTTP";
  if (service !== undefined) return status < 500 ? `${service}: ${status}` : `A FAILURE of ${service}: ${status}`;
  if (!/\r\nx-amz-request-id: /i.test(rest)) return `NO request id in a ${status}`;
  if (Number(status) < 400 || isHead) return `${status}`;
  const [, code] =
    /\r\n\r\n<\?xml version="1\.0" encoding="UTF-8"\?>\n<Error><Code>(\w+)<\/Code>[\s\S]*<\/Error>$/.exec(rest) ?? [];
  if (code === undefined) return `NO document in a ${status}`;
  return code === "InternalError" ? "AN InternalError" : `${status} ${code}`;
}

const shown = (bytes) => JSON.stringify(Buffer.from(bytes).subarray(0, 3000).toString("latin1"));

/** mulberry32 */
function randomFrom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound) => Math.floor(next() * bound);
  return { chance: (probability) => next() < probability, below, of: (list) => list[below(list.length)] };
}

const ODD = [
  ...[
    "",
    "0",
    "-1",
    "1",
    "5",
    "1000",
    "10001",
    "99999999999999999999",
    "1e9",
    "NaN",
    "null",
    "undefined",
    "true",
    "REPLACE",
    "COPY",
  ],
  ...[
    "*",
    '"',
    '""',
    '"etag"',
    'W/"x"',
    "%",
    "%zz",
    "%00",
    "%ff",
    "a=1&a=2",
    "a=%zz",
    "..",
    "../..",
    "/",
    "//",
    "reports/key",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "bytes=0-",
    "bytes=-0",
    "bytes=5-1",
    "bytes=0-99999999999999999999",
    "url",
    "ETag,Checksum",
  ],
  ...[
    "SHA256",
    "CRC32",
    "CRC64NVME",
    "MD4",
    "FULL_OBJECT",
    "COMPOSITE",
    "AES256",
    "aws:kms",
    "GLACIER",
    "ENABLED",
    "AAAAAA==",
    "=",
    "===",
  ],
  ...[
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "20261125T000000Z",
    "tomorrow",
    "x".repeat(300),
    "x".repeat(3000),
    "\xe4\xf6",
    "a,b",
    ";",
    "a b",
  ],
];

const HEADERS = [
  ...[
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "content-md5",
    "content-type",
    "content-encoding",
  ],
  ...[
    "cache-control",
    "expires",
    "x-amz-meta-a",
    "x-amz-meta-__proto__",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "x-amz-acl",
  ],
  ...[
    "x-amz-metadata-directive",
    "x-amz-storage-class",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-copy-source-if-match",
  ],
  ...[
    "x-amz-checksum-crc32",
    "x-amz-checksum-sha256",
    "x-amz-checksum-algorithm",
    "x-amz-checksum-type",
    "x-amz-checksum-mode",
  ],
  ...[
    "x-amz-sdk-checksum-algorithm",
    "x-amz-trailer",
    "x-amz-decoded-content-length",
    "x-amz-object-attributes",
    "x-amz-max-parts",
  ],
  ...[
    "x-amz-part-number-marker",
    "x-amz-mp-object-size",
    "x-amz-server-side-encryption",
    "x-amz-website-redirect-location",
    "x-odd",
  ],
];

const PARAMETERS = [
  ...[
    "uploads",
    "uploadId",
    "partNumber",
    "delete",
    "tagging",
    "attributes",
    "acl",
    "location",
    "versionId",
    "versions",
    "policy",
    "select",
  ],
  ...[
    "list-type",
    "prefix",
    "delimiter",
    "marker",
    "start-after",
    "continuation-token",
    "max-keys",
    "encoding-type",
    "fetch-owner",
  ],
  ...[
    "max-parts",
    "part-number-marker",
    "max-uploads",
    "key-marker",
    "upload-id-marker",
    "max-buckets",
    "response-content-type",
  ],
  ...[
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "__proto__",
  ],
];

const DOCUMENTS = [
  "<Delete><Object><Key>key</Key></Object><Object><Key>a</Key><ETag>x</ETag></Object><Quiet>true</Quiet></Delete>",
  "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
  '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"x"</ETag></Part></CompleteMultipartUpload>',
  "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>",
];

const PATHS = [
  "/",
  "/reports",
  "/reports/key",
  "/reports/a",
  "/reports/a%20b/%C3%BC",
  "/another/key",
  "/UPPER/key",
  "/reports/%zz",
  "//",
  "/reports//",
];

function anyRequest(random, target) {
  const method = random.of([
    "GET",
    "GET",
    "HEAD",
    "PUT",
    "PUT",
    "PUT",
    "POST",
    "POST",
    "POST",
    "DELETE",
    "PATCH",
    "OPTIONS",
  ]);
  const kind = random.of(["any", "any", "document", "chunked", "form", "mangled"]);
  const query = Array.from({ length: random.of([0, 0, 1, 1, 2, 4]) }, () => {
    const name = random.of(PARAMETERS);
    return random.chance(0.3)
      ? name
      : `${name}=${random.chance(0.8) ? encodeURIComponent(random.of(ODD)) : random.of(ODD).replaceAll(/[\s\xe4\xf6]/g, "")}`;
  });
  const asked = {
    method,
    path: random.of(PATHS),
    query,
    headers: {},
    body: Buffer.from(random.of(ODD), "latin1"),
    payloadHash: "UNSIGNED-PAYLOAD",
  };
  for (let count = random.of([0, 0, 1, 2, 5]); count > 0; count--) asked.headers[random.of(HEADERS)] = random.of(ODD);
  if (kind === "document") {
    Object.assign(asked, {
      method: random.of(["POST", "PUT"]),
      query: [random.of(["delete", "tagging", "uploadId=x"])],
      path: random.of(["/reports", "/reports/key"]),
    });
    asked.body = Buffer.from(mangled(random, random.of(DOCUMENTS)), "latin1");
    asked.headers = { "content-md5": createHash("md5").update(asked.body).digest("base64") };
  }
  if (kind === "chunked") chunked(random, asked);
  if (kind === "form") {
    form(random, asked);
    return { isHead: false, bytes: written(asked, { host: target.host, ...asked.headers }) };
  }
  const headers = random.chance(0.75) ? signed(asked, target) : { host: target.host, ...asked.headers };
  const bytes = written(asked, headers);
  return {
    isHead: asked.method === "HEAD",
    bytes: kind === "mangled" ? Buffer.from(mangled(random, bytes.toString("latin1")), "latin1") : bytes,
  };
}

const TOKENS = [
  "a.b.c",
  "e30.e30.e30",
  `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${Buffer.from('{"iss":"x","exp":1}').toString("base64url")}.x`,
];

const ELSEWHERE = {
  STS: {
    paths: ["/", "/?Action=GetCallerIdentity&Version=2011-06-15", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", "/a", "//"],
    headers: ["authorization", "x-amz-date", "x-amz-security-token", "content-type", "x-odd"],
    body(random) {
      const fields = {
        Action: random.of([
          "AssumeRole",
          "AssumeRoleWithWebIdentity",
          "GetSessionToken",
          "GetCallerIdentity",
          "__proto__",
        ]),
        Version: random.of(["2011-06-15", "2011-06-15", "x"]),
      };
      const names = ["RoleArn", "RoleSessionName", "DurationSeconds", "WebIdentityToken", "Policy", "__proto__"];
      for (let count = random.below(6); count > 0; count--) {
        fields[random.of(names)] = random.of([...ODD, ...TOKENS, "arn:aws:iam::123456789012:role/reader", "900"]);
      }
      return String(new URLSearchParams(fields));
    },
  },
  containers: {
    paths: [
      "/credentials",
      "/v1/credentials",
      "/v2/credentials",
      "/v2/credentials/x",
      "/%zz",
      "/",
      "//v1/credentials?a=b",
    ],
    headers: ["authorization", "content-type", "x-odd"],
    body: () => "",
  },
  IMDS: {
    paths: [
      "/latest/api/token",
      "/latest/meta-data/",
      "/latest/meta-data/%zz",
      "/latest/meta-data/tags/instance/a%20b",
      "/../..",
    ],
    headers: ["x-aws-ec2-metadata-token", "x-aws-ec2-metadata-token-ttl-seconds", "x-forwarded-for", "x-odd"],
    body: (random) => random.of(["", "", "a body"]),
  },
};

function elsewhere(random, ports) {
  const service = random.of(Object.keys(ELSEWHERE));
  const { paths, headers: names, body } = ELSEWHERE[service];
  const headers = { host: "127.0.0.1" };
  for (let count = random.below(4); count > 0; count--) headers[random.of(names)] = random.of([...ODD, ...TOKENS]);
  const method = random.of(["GET", "GET", "POST", "POST", "PUT", "HEAD", "DELETE", "PATCH"]);
  const asked = { method, path: random.of(paths), query: [], body: Buffer.from(body(random), "latin1") };
  const bytes = written(asked, headers);
  const isMangled = random.chance(0.3);
  return {
    ...{ service, port: ports[service], isHead: method === "HEAD" },
    bytes: isMangled ? Buffer.from(mangled(random, bytes.toString("latin1")), "latin1") : bytes,
  };
}

function chunked(random, asked) {
  const sizes = Array.from({ length: random.below(4) }, () => random.of([1, 5, 100, 9000]));
  const chunks = [...sizes, 0].map((size) => {
    const told = random.chance(0.9) ? size.toString(16) : random.of(["", "-1", "zz", "ffffffffffffffff", "5;5;5"]);
    const signature = random.chance(0.5) ? `;chunk-signature=${random.of(["0".repeat(64), "x", ""])}` : "";
    return `${told}${signature}\r\n${"x".repeat(size)}${size === 0 && random.chance(0.8) ? "" : "\r\n"}`;
  });
  const trailer = random.of([
    "",
    "x-amz-checksum-crc32:AAAAAA==\r\n",
    "x-amz-checksum-crc32:\r\n",
    `x:${"y".repeat(9000)}\r\n`,
    ":\r\n",
    "\n\n\n",
  ]);
  const payloadHash = random.of([
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  ]);
  const length = random.chance(0.8) ? sizes.reduce((sum, size) => sum + size, 0) : random.of(ODD);
  const announced = random.chance(0.6) ? { "x-amz-trailer": "x-amz-checksum-crc32" } : {};
  const body = `${chunks.join("")}${trailer}\r\n`;
  Object.assign(asked, {
    method: "PUT",
    path: "/reports/key",
    query: [],
    payloadHash,
    headers: { ...announced, "x-amz-decoded-content-length": String(length) },
  });
  asked.body = Buffer.from(random.chance(0.7) ? body : mangled(random, body), "latin1");
}

function form(random, asked) {
  const names = [
    "key",
    "policy",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-algorithm",
    "x-amz-signature",
    "acl",
    "tagging",
    "__proto__",
    "Content-Type",
  ];
  const values = [
    ...ODD,
    "e30=",
    Buffer.from('{"expiration":"2099-01-01T00:00:00Z","conditions":[]}').toString("base64"),
  ];
  const fields = Array.from(
    { length: random.below(9) },
    () => `--b\r\nContent-Disposition: form-data; name="${random.of(names)}"\r\n\r\n${random.of(values)}\r\n`,
  );
  const file = `--b\r\nContent-Disposition: form-data; name="file"; filename="${random.of(ODD)}"\r\n\r\n${"x".repeat(random.below(5000))}\r\n--b--\r\n`;
  const body = fields.join("") + (random.chance(0.8) ? file : "");
  Object.assign(asked, { method: "POST", path: "/reports", query: [] });
  asked.headers = {
    "content-type": random.of([
      "multipart/form-data; boundary=b",
      'multipart/form-data; boundary="b"',
      "multipart/form-data",
      "text/plain",
    ]),
  };
  asked.body = Buffer.from(random.chance(0.5) ? body : mangled(random, body), "latin1");
}

/** Pieces cut out, doubled, moved and replaced. */
function mangled(random, text) {
  let result = text;
  for (let count = 1 + random.below(4); count > 0; count--) {
    const [at, length] = [random.below(result.length + 1), random.below(30)];
    const piece = random.of([
      "",
      result.slice(at, at + length),
      result.slice(at, at + length).repeat(50),
      random.of(ODD),
      "\0",
      "\r\n",
      "<",
      ">",
      "&#0;",
      "&x;",
      "<!DOCTYPE a>",
      "]]>",
      "\xff",
    ]);
    result = result.slice(0, at) + piece + result.slice(at + random.of([0, length]));
  }
  return result;
}

function written({ method, path, query, body }, headers) {
  const lines = Object.entries({ ...headers, "content-length": body.length }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const head = `${method} ${path}${query.length === 0 ? "" : `?${query.join("&")}`} HTTP/1.1\r\n${lines.join("")}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

/** By https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, as well as nonsense can be signed. */
function signed({ method, path, query, headers, payloadHash }, { host, credential }) {
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = [timestamp.slice(0, 8), "us-east-1", "s3", "aws4_request"];
  const all = {
    ...headers,
    host,
    "x-amz-content-sha256": payloadHash,
    "x-amz-date": timestamp,
    "x-amz-security-token": credential.Token,
  };
  const names = Object.keys(all).sort();
  const encode = (text) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const pairs = query.map((pair) => {
    const [name, ...value] = pair.split("=");
    try {
      return `${encode(decodeURIComponent(name))}=${encode(decodeURIComponent(value.join("=")))}`;
    } catch {
      return pair;
    }
  });
  const lines = names.map((name) => `${name}:${all[name].trim().replace(/ {2,}/g, " ")}\n`).join("");
  const canonical = [method, path, pairs.sort().join("&"), lines, names.join(";"), payloadHash].join("\n");
  const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
  const hash = createHash("sha256").update(canonical).digest("hex");
  const text = ["AWS4-HMAC-SHA256", timestamp, scope.join("/"), hash].join("\n");
  const signature = hmac(scope.reduce(hmac, `AWS4${credential.SecretAccessKey}`), text).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential.AccessKeyId}/${scope.join("/")},SignedHeaders=${names.join(";")},Signature=${signature}`;
  return { ...all, authorization };
}

if (process.send === undefined) await fuzz();
else await serve();
