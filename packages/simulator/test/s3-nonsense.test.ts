import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { ask, type Room, send, service, signed } from "./s3-wire.js";

/** Sends bytes as they are, and gives all that comes back until the connection is closed, or silent for good. */
function raw({ port }: Room, bytes: string, { half = false } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: half });
    let text = "";
    const end = () => {
      socket.destroy();
      resolve(text);
    };
    socket.on("error", reject).on("close", end).on("end", end);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (/<\/Error>$/.test(text)) end();
    });
    socket.write(bytes, "latin1", () => {
      if (half) socket.end();
    });
  });
}

/** What every answer has, whatever it answers. */
const SHAPE =
  /^HTTP\/1\.1 (\d{3}) [^\r]*\r\n[\s\S]*x-amz-request-id: [\s\S]*\r\n\r\n<\?xml version="1\.0" encoding="UTF-8"\?>\n<Error><Code>(\w+)<\/Code><Message>[^<]+<\/Message>[\s\S]*<RequestId>\w+<\/RequestId><HostId>[^<]+<\/HostId><\/Error>$/i;

const isServed = async (room: Room) => (await ask(room, { method: "GET", url: "/" })).status === 200;

describe("an answer in S3's form, and the next request is served, after", () => {
  const head = (line: string, ...headers: string[]) => `${[line, "host: x", ...headers].join("\r\n")}\r\n\r\n`;
  const unsigned = "x-amz-content-sha256: UNSIGNED-PAYLOAD";

  it.each([
    ["words", "NONSENSE\r\n\r\n", 400, "BadRequest"],
    ["bytes", "\x00\x01\x02\xff\r\n\r\n", 400, "BadRequest"],
    ["a greeting of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "BadRequest"],
    ["an unknown method", head("FETCH / HTTP/1.1"), 400, "BadRequest"],
    ["a known one that S3 has not", head("PATCH /reports/key HTTP/1.1"), 403, "AccessDenied"],
    ["CONNECT", head("CONNECT example.com:443 HTTP/1.1"), 400, "BadRequest"],
    ["a version that is none", head("GET / HTTP/9.9"), 400, "BadRequest"],
    ["no host", "GET / HTTP/1.1\r\n\r\n", 403, "AccessDenied"],
    ["a header without a name", head("GET / HTTP/1.1", ": value"), 400, "BadRequest"],
    ["a header with control characters", head("GET / HTTP/1.1", "x-amz-meta-a: \x01"), 400, "BadRequest"],
    ["headers without end", head("GET / HTTP/1.1", `x: ${"y".repeat(20_000)}`), 400, "RequestHeaderSectionTooLarge"],
    ["two lengths", head("PUT /reports/key HTTP/1.1", "content-length: 1", "content-length: 2"), 400, "BadRequest"],
    ["a length that is none", head("PUT /reports/key HTTP/1.1", "content-length: much"), 400, "BadRequest"],
    [
      "a length and chunks",
      head("PUT /reports/key HTTP/1.1", "content-length: 1", "transfer-encoding: chunked"),
      400,
      "BadRequest",
    ],
    ["an unknown expectation", head("PUT /reports/key HTTP/1.1", "expect: the-worst"), 403, "AccessDenied"],
    ["an upgrade", head("GET / HTTP/1.1", "connection: upgrade", "upgrade: websocket"), 403, "AccessDenied"],
    ["a path that cannot be read", head("GET /reports/%zz HTTP/1.1"), 400, "InvalidURI"],
    ["a path of broken UTF-8", head("GET /reports/%ff%fe HTTP/1.1"), 400, "InvalidURI"],
    ["a query that cannot be read", head("GET /reports?X-Amz-Algorithm=%zz HTTP/1.1"), 400, ""],
    ["a signature that is none", head("GET / HTTP/1.1", "authorization: AWS4-HMAC-SHA256 x"), 400, ""],
    ["a proxy's address", head("GET http://example.com/reports/key HTTP/1.1", unsigned), 403, "AccessDenied"],
    ["an address of its own kind", head("GET * HTTP/1.1", unsigned), 403, "AccessDenied"],
  ])("%s", async (_, bytes, status, code) => {
    const room = await service();

    const answer = await raw(room, bytes);

    const [, told, said] = SHAPE.exec(answer) ?? [];
    expect({ status: Number(told), code: said }, answer.slice(0, 2000)).toEqual({
      status,
      code: code === "" ? expect.stringMatching(/^\w+$/) : code,
    });
    expect(room.journal.entries()).toHaveLength(1);
    expect(await isServed(room)).toBe(true);
  });

  it("a body whose chunks break off in nonsense: one answer, one entry in the journal, nothing stored", async () => {
    const room = await service();
    const framed = { "x-amz-decoded-content-length": "100", "transfer-encoding": "chunked" };
    const { headers } = signed(room, { payloadHash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers: framed });
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);

    const answer = await raw(room, `PUT /reports/key HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n5\r\n5\r\nab\r\nxyz\r\n`);

    expect(answer).toMatch(SHAPE);
    while (room.journal.entries().length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(room.journal.entries()).toMatchObject([
      { operation: "PutObject", status: 400, decision: expect.stringMatching(/^BadRequest: HPE_/), generation: 1 },
    ]);
    expect(answer).toContain(room.journal.entries()[0]?.requestId);
    expect((await ask(room, { method: "GET" })).code).toBe("NoSuchKey");
  });

  it("a request that ends in its head", async () => {
    const room = await service();

    expect(await raw(room, "GET /reports HTTP/1.1\r\nhost:", { half: true })).toMatch(SHAPE);
    expect(await isServed(room)).toBe(true);
  });
});

describe("a document that is none is refused:", () => {
  const complete = "<CompleteMultipartUpload>";
  it.each([
    ["nothing", ""],
    ["no XML", "{}"],
    ["an end without a beginning", "</Delete>"],
    ["very deep", "<a>".repeat(50_000)],
    ["another one", `${complete}</CompleteMultipartUpload>`],
    ["an empty list", "<Delete></Delete>"],
    ["a list of nothing", "<Delete><Object/></Delete>"],
    ["keys of another kind", "<Delete><Object><Key><a/></Key></Object></Delete>"],
    [
      "entities that multiply",
      '<!DOCTYPE d [<!ENTITY a "&b;&b;"><!ENTITY b "&a;">]><Delete><Object><Key>&a;</Key></Object></Delete>',
    ],
    ["a prototype", "<Delete><__proto__><Key>a</Key></__proto__></Delete>"],
  ])("%s", async (_, body) => {
    const room = await service();
    const { createHash } = await import("node:crypto");
    const md5 = createHash("md5").update(body).digest("base64");

    const answer = await ask(room, {
      ...{ method: "POST", url: "/reports?delete=", body },
      headers: { "content-md5": md5 },
    });

    expect([answer.status, answer.code]).toEqual([400, "MalformedXML"]);
    expect(await isServed(room)).toBe(true);
  });
});

it.each(["constructor", "__proto__", "toString", "hasOwnProperty"])(
  "a key, a parameter and a header called %s are nothing special",
  async (name) => {
    const room = await service();

    expect(
      (
        await ask(room, {
          url: `/reports/${name}`,
          body: "content",
          headers: { [`x-amz-meta-${name.toLowerCase()}`]: "x" },
        })
      ).status,
    ).toBe(200);
    expect((await ask(room, { method: "GET", url: `/reports/${name}` })).text).toBe("content");
    expect((await ask(room, { method: "GET", url: `/reports?${name}=` })).status).toBe(200);
    expect((await send(room, { method: "GET", url: `/${name}`, headers: {} })).status).toBe(403);
  },
);
