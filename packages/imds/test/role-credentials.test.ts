import { inspect } from "node:util";
import { VirtualClock } from "@evertoken/core";
import { describe, expect, it } from "vitest";
import { client, document, failure, imdsServer, LEGACY_ROLE, type Respond, ROLE, TOKEN } from "./imds-server.js";

describe("role credentials", () => {
  it("come from the extended path, with the account", async () => {
    const server = await imdsServer();

    const credentials = await client(server.endpoint).credentials();

    expect(credentials).toMatchObject({
      accessKeyId: "ASIAEXAMPLE",
      expiration: new Date("2126-11-23T18:00:00Z"),
      roleName: "demo-role",
      accountId: "123456789012",
    });
    expect(credentials.secretAccessKey).toBe("planted-secret-access-key");
    expect(server.seen).toEqual([TOKEN, `GET ${ROLE}`, `GET ${ROLE}demo-role`]);
  });

  it("cost one request when they are read again", async () => {
    const server = await imdsServer();
    const imds = client(server.endpoint);
    await imds.credentials();

    await imds.credentials();

    expect(server.seen.slice(3)).toEqual([`GET ${ROLE}demo-role`]);
  });

  it("come from the legacy path where there is no other, which is remembered", async () => {
    const server = await imdsServer({
      [`GET ${ROLE}`]: 404,
      [`GET ${LEGACY_ROLE}`]: "demo-role",
      [`GET ${LEGACY_ROLE}demo-role`]: document(),
    });
    const imds = client(server.endpoint);

    await expect(imds.credentials()).resolves.toMatchObject({ accessKeyId: "ASIAEXAMPLE" });
    await imds.credentials();

    expect(server.count(`GET ${ROLE}`)).toBe(1);
  });

  it("are not looked for on the legacy path after another error", async () => {
    const server = await imdsServer({ [`GET ${ROLE}`]: 403, [`GET ${LEGACY_ROLE}`]: "demo-role" });

    expect(await failure(client(server.endpoint).credentials())).toMatchObject({ code: "IMDS_REFUSED" });
    expect(server.count(`GET ${LEGACY_ROLE}`)).toBe(0);
  });

  it("of another role are found when the remembered one is gone", async () => {
    let role = "demo-role";
    const server = await imdsServer({
      [`GET ${ROLE}`]: (_, outgoing) => outgoing.end(role),
      [`GET ${ROLE}demo-role`]: (_, outgoing) => outgoing.writeHead(role === "demo-role" ? 200 : 404).end(document()),
      [`GET ${ROLE}other-role`]: document({ AccessKeyId: "ASIAOTHER" }),
    });
    const imds = client(server.endpoint);
    await imds.credentials();
    role = "other-role";

    await expect(imds.credentials()).resolves.toMatchObject({ accessKeyId: "ASIAOTHER", roleName: "other-role" });
  });

  it("are refused with advice when no role is attached", async () => {
    const server = await imdsServer({ [`GET ${ROLE}`]: 404 });

    const error = await failure(client(server.endpoint).credentials());

    expect(error).toMatchObject({ code: "IMDS_NOT_FOUND" });
    expect(error.message).toContain("attach an instance profile");
  });

  it.each([
    ["an HTML page", "<html>502</html>", "not JSON but an HTML or XML page"],
    ["truncated JSON", document().slice(0, 120), "JSON that is cut off after 120 characters"],
    ["plain text", "Service Unavailable", "not JSON (19 characters)"],
    ["what is not UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "not UTF-8"],
    ["another kind of JSON", "[]", "not a JSON object"],
    [
      "another Code",
      document({ Code: "AssumeRoleUnauthorizedAccess", Message: "EC2 cannot assume the role demo-role." }),
      'Code "AssumeRoleUnauthorizedAccess" instead of "Success": EC2 cannot assume the role',
    ],
    ["no access key id", document({ AccessKeyId: undefined }), "no AccessKeyId"],
    ["no secret access key", document({ SecretAccessKey: null }), "no SecretAccessKey"],
    ["an empty token", document({ Token: "" }), "no Token"],
    ["no end", document({ Expiration: undefined }), "no Expiration"],
    ["a malformed instant", document({ Expiration: "tomorrow" }), "Expiration is no instant"],
    ["an end before its beginning", document({ Expiration: "2026-11-23T11:00:00Z" }), "not after its LastUpdated"],
    ["nothing", "", "empty instead of JSON"],
  ])("with %s in place of the document are an error of their own, and the next read is good", async (_, bad, says) => {
    let answer: string | Buffer = bad;
    const server = await imdsServer({ [`GET ${ROLE}demo-role`]: (_, outgoing) => outgoing.end(answer) });
    const imds = client(server.endpoint);

    const error = await failure(imds.credentials());
    answer = document();

    expect(error).toMatchObject({ code: "IMDS_BAD_ANSWER" });
    expect(error.message).toContain(says);
    expect(inspect(error, { depth: null })).not.toContain("planted");
    await expect(imds.credentials()).resolves.toMatchObject({ accessKeyId: "ASIAEXAMPLE" });
  });

  describe("that have run out", () => {
    const runOut = document({ LastUpdated: "2020-01-01T00:00:00Z", Expiration: "2020-01-01T06:00:00Z" });

    it("are an error of their own, and the next read is good", async () => {
      let answer = runOut;
      const server = await imdsServer({ [`GET ${ROLE}demo-role`]: (_, outgoing) => outgoing.end(answer) });
      const imds = client(server.endpoint);

      const error = await failure(imds.credentials());
      answer = document();

      expect(error).toMatchObject({ code: "IMDS_EXPIRED_CREDENTIALS" });
      expect(error.message).toContain("hands out ASIAEXAMPLE, which expired at 2020-01-01T06:00:00");
      await expect(imds.credentials()).resolves.toMatchObject({ accessKeyId: "ASIAEXAMPLE" });
    });

    it("are handed on to who says that it judges by itself", async () => {
      const server = await imdsServer({ [`GET ${ROLE}demo-role`]: runOut });

      const { expiration } = await client(server.endpoint).credentials({ allowExpired: true });

      expect(expiration).toEqual(new Date("2020-01-01T06:00:00Z"));
    });

    it("are told by the clock of IMDS, not by this host's", async () => {
      const server = await imdsServer();
      const ahead = new VirtualClock({ startAt: Date.UTC(2200, 0) });

      await expect(client(server.endpoint, { clock: ahead }).credentials()).resolves.toBeDefined();
    });
  });

  it("are refused while the role is detached, and read again when one is attached", async () => {
    let attached: string | undefined = "demo-role";
    const list: Respond = (_, outgoing) => outgoing.writeHead(attached === undefined ? 404 : 200).end(attached ?? "");
    const server = await imdsServer({
      [`GET ${ROLE}`]: list,
      [`GET ${LEGACY_ROLE}`]: list,
      [`GET ${ROLE}demo-role`]: (_, outgoing) => outgoing.writeHead(attached ? 200 : 404).end(document()),
    });
    const imds = client(server.endpoint);
    await imds.credentials();

    attached = undefined;
    expect(await failure(imds.credentials())).toMatchObject({ code: "IMDS_NOT_FOUND" });
    expect(await failure(imds.credentials())).toMatchObject({ code: "IMDS_NOT_FOUND" });
    attached = "demo-role";

    await expect(imds.credentials()).resolves.toMatchObject({ roleName: "demo-role", accessKeyId: "ASIAEXAMPLE" });
  });

  it("do not print their secrets", async () => {
    const server = await imdsServer();

    const credentials = await client(server.endpoint).credentials();

    expect(inspect(credentials, { showHidden: true })).not.toContain("planted");
    expect(JSON.stringify(credentials)).not.toContain("planted");
  });
});

describe("credentials of an instance profile that is named", () => {
  it("are read without looking at the list", async () => {
    const server = await imdsServer({ [`GET ${ROLE}mine`]: document({ AccessKeyId: "ASIAMINE" }) });

    const credentials = await client(server.endpoint, { instanceProfileName: "mine" }).credentials();

    expect(credentials).toMatchObject({ accessKeyId: "ASIAMINE", roleName: "mine" });
    expect(server.seen).toEqual([TOKEN, `GET ${ROLE}mine`]);
  });

  it("come from the legacy path where there is no other", async () => {
    const server = await imdsServer({ [`GET ${LEGACY_ROLE}mine`]: document({ AccessKeyId: "ASIAMINE" }) });

    const credentials = await client(server.endpoint, { instanceProfileName: "mine" }).credentials();

    expect(credentials.accessKeyId).toBe("ASIAMINE");
  });

  it("that is on neither path are refused with the setting to correct", async () => {
    const server = await imdsServer();

    const error = await failure(client(server.endpoint, { instanceProfileName: "mine" }).credentials());

    expect(error).toMatchObject({ code: "IMDS_NOT_FOUND" });
    expect(error.message).toContain("AWS_EC2_INSTANCE_PROFILE_NAME");
  });
});
