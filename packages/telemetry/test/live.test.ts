import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { type CredentialSource, createKeeper } from "@evertoken/credentials";
import { createS3Pool } from "@evertoken/s3";
import {
  LaneRecorder,
  LiveRecord,
  type LiveRecordOptions,
  type News,
  RemoteLane,
  SimulatedLane,
  type Tick,
} from "@evertoken/telemetry/live";
import { describe, expect, it, onTestFinished } from "vitest";
import { instance } from "./scrape.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const put = (Key = "key") => new PutObjectCommand({ Bucket: "reports", Key, Body: "content" });

/** A pool on a simulated instance, recorded, on a clock that is moved by hand. */
async function recorded(maxWaitMs = 100) {
  const clock = new VirtualClock({ realNetwork: true });
  const scene = await instance({
    simulator: { clock },
    keeper: { clock, maxWaitMs },
    pool: { clock },
  });
  const lane = new LaneRecorder({ clock });
  lane.observe(scene.pool);
  onTestFinished(() => lane.close());
  const said = () => lane.take().news.map(({ kind, text }) => `${kind}: ${text}`);
  return { ...scene, clock, lane, said };
}

/** Sources of one's own, without sockets: what a week of it leaves behind. */
function scripted(clock: VirtualClock, lifetimeMs = 6 * HOUR, everyMs = HOUR) {
  const script = { failsWith: undefined as Error | undefined, loads: 0, name: "the scripted source" };
  const source: CredentialSource = {
    name: script.name,
    watchable: true,
    async load() {
      script.loads += 1;
      if (script.failsWith !== undefined) throw script.failsWith;
      const issued = Math.floor(clock.now() / everyMs) * everyMs;
      return {
        credentials: {
          accessKeyId: `ASIA${issued / everyMs}`,
          secretAccessKey: "planted/Secret+Access/Key0000000000000000",
          sessionToken: "IQoJplantedSecurityToken",
          expiration: new Date(issued + lifetimeMs),
        },
      };
    },
  };
  const keeper = createKeeper({ source, clock });
  onTestFinished(() => keeper.close());
  return { keeper, script };
}

/** Lasts until it is ended. */
function deferred() {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { over, end };
}

function record(clock: VirtualClock, options: Partial<LiveRecordOptions> = {}) {
  const live = new LiveRecord({ subject: "application", host: "test-host", clock, ...options });
  onTestFinished(() => live.close());
  return live;
}

describe("a recorded pool", () => {
  it("shows what it holds, for how long, and when it will ask for the next", async () => {
    const { pool, keeper, lane, clock } = await recorded();

    await pool.send(put());

    const { lane: shown } = lane.take();
    const { expiresAt = 0, advisoryAt, accessKeyId } = keeper.status();
    expect(shown.survivalMs).toBe(Math.round(expiresAt - clock.now()));
    expect(shown.keepers).toEqual([
      {
        name: "default",
        state: "fresh",
        source: expect.stringMatching(/^IMDS at http:\/\/127\.0\.0\.1:\d+$/),
        role: "evertoken-role",
        skewMs: expect.any(Number),
        lastRefresh: { at: expect.any(Number), outcome: "rotated" },
        generations: [{ generation: 1, accessKeyId, takenAt: expect.any(Number), advisoryAt, expiresAt }],
      },
    ]);
    expect(shown.imds?.sessionTokenExpiresAt).toBeGreaterThan(clock.now() + 5 * HOUR);
    expect(shown.pools).toEqual([
      {
        name: "pool",
        queued: 0,
        members: [{ id: 0, state: "serving", createdAt: expect.any(Number), inFlight: 0 }],
      },
    ]);
  });

  it("counts between two looks what happened there, and all of it since the beginning", async () => {
    const { pool, lane } = await recorded();
    await pool.send(put());
    lane.take();

    await pool.send(put());
    await pool.send(new GetObjectCommand({ Bucket: "reports", Key: "none" })).catch(() => {});

    const { sample, lane: shown } = lane.take();
    expect(sample).toMatchObject({ requests: 2, failures: 1, replays: 0, surfaced: 0, refreshes: 0, imdsAnswers: {} });
    expect(sample.requestP50Ms).toBeGreaterThan(0);
    expect(sample.requestP99Ms).toBeGreaterThanOrEqual(sample.requestP50Ms ?? 0);
    expect(shown.totals).toMatchObject({ requests: 3, failures: 1, refreshes: 1, imdsAnswers: { 200: 3 } });
    expect(lane.take().sample).not.toHaveProperty("requestP50Ms");
  });

  it("tells of requests that were sent again in one sentence, however many there were", async () => {
    const { pool, lane, simulator, keeper } = await recorded();
    await pool.send(put());
    const { accessKeyId } = keeper.status();
    lane.take();

    simulator.fault("credentials-revoked");
    await Promise.all(Array.from({ length: 20 }, (_, key) => pool.send(put(String(key)))));

    const { news, lane: shown } = lane.take();
    const replayed = news.filter(({ kind }) => kind === "replayed");
    expect(replayed).toHaveLength(1);
    expect(replayed[0]?.text).toMatch(
      new RegExp(
        `^S3 refused \\d+ requests? \\(ExpiredToken, signed with ${accessKeyId}\\), which were? sent once more`,
      ),
    );
    expect(news.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["rejected", "rotated"]));
    expect(shown.keepers[0]?.generations[0]).toMatchObject({ accessKeyId, rejectedAt: expect.any(Number) });
    expect(shown.totals).toMatchObject({ rejections: 1, rotations: 1, surfaced: 0, failures: 0 });
  });

  it("tells the story of a stale-credential error that reached a caller, from the taking of the credentials on", async () => {
    const { pool, lane, simulator, keeper, clock } = await recorded();
    await pool.send(put());
    const { accessKeyId } = keeper.status();
    await clock.advance(SECOND);

    simulator.fault("imds-down");
    simulator.fault("credentials-revoked");
    await expect(pool.send(put())).rejects.toThrow();

    const surfaced = lane.take().news.find(({ kind }) => kind === "surfaced");
    expect(surfaced).toMatchObject({ severity: "error" });
    expect(surfaced?.text).toContain(`S3 said ExpiredToken to ${accessKeyId}`);
    const story = surfaced?.story ?? [];
    expect(story[0]).toContain(`took generation 1 (${accessKeyId})`);
    expect(story.join("\n")).toContain(`a service rejected ${accessKeyId}: ExpiredToken`);
    expect(story.at(-1)).toContain("PutObject: a service refused the credentials");
  });
});

describe("a lane with several pools on one Keeper", () => {
  it("counts them together, shows each by its name, and their Keeper once", async () => {
    const { pool, keeper, lane, simulator, clock } = await recorded();
    await pool.send(put());
    simulator.fault("credentials-revoked");
    await pool.send(put());
    lane.take();

    const common = { region: "us-east-1", endpoint: simulator.s3Url, forcePathStyle: true, keeper, clock };
    const [second, third] = [createS3Pool({ ...common, size: 2 }), createS3Pool({ ...common, size: 2 })];
    onTestFinished(async () => {
      await Promise.all([second.close(), third.close()]);
    });
    lane.observe(second, "second");
    lane.observe(third);
    await second.send(put());

    const { lane: shown, sample } = lane.take();
    expect(sample).toMatchObject({ requests: 1, replays: 0 });
    expect(shown.totals).toMatchObject({ requests: 3, replays: 1 });
    expect(shown.pools.map(({ name, members }) => [name, members.length])).toEqual([
      ["pool", 1],
      ["second", 1],
      ["pool-2", 0],
    ]);
    expect(shown.keepers).toHaveLength(1);
  });

  it("says of which of them it tells", async () => {
    const { pool, keeper, lane, simulator, clock } = await recorded();
    const common = { region: "us-east-1", endpoint: simulator.s3Url, forcePathStyle: true, keeper, clock };
    const uploads = createS3Pool({ ...common, size: 2 });
    onTestFinished(() => uploads.close());
    lane.observe(uploads, "uploads");
    await Promise.all([pool.send(put()), uploads.send(put())]);
    lane.take();

    simulator.fault("credentials-revoked");
    await uploads.send(put());
    simulator.fault("imds-down");
    simulator.fault("credentials-revoked");
    await expect(uploads.send(put())).rejects.toThrow();

    const told = lane.take().news;
    const text = (kind: News["kind"]) => told.find((news) => news.kind === kind)?.text;
    expect(text("replayed")).toMatch(/^S3 refused 1 request of uploads \(ExpiredToken, /);
    expect(text("surfaced")).toMatch(/^1 request of uploads failed for the caller: /);
  });

  it("shows twenty of them, and of each as many clients as all together may have", async () => {
    const { keeper, lane, clock } = await recorded();
    const pools = Array.from({ length: 30 }, () => createS3Pool({ region: "us-east-1", size: 101, keeper, clock }));
    onTestFinished(async () => {
      await Promise.all(pools.map((pool) => pool.close()));
    });
    for (const pool of pools) lane.observe(pool);
    const busy = deferred();
    const leases = Array.from({ length: 101 }, () => pools[0]?.lease(() => busy.over));

    const shown = lane.take().lane.pools;

    busy.end();
    await Promise.all(leases);
    expect(pools[0]?.stats().members).toHaveLength(101);
    expect(shown).toHaveLength(20);
    expect(shown[1]?.members).toHaveLength(100);
  });
});

describe("an outage of the source", () => {
  it("is told once when it begins, and once when it is over", async () => {
    const clock = new VirtualClock({ startAt: 10 * HOUR });
    const { keeper, script } = scripted(clock);
    const lane = new LaneRecorder({ clock });
    lane.observe(keeper);
    await keeper.provider();
    lane.take();
    const news: News[] = [];

    script.failsWith = new Error("connect ECONNREFUSED");
    for (let minute = 0; minute < 90; minute++) {
      await clock.advance(MINUTE);
      news.push(...lane.take().news);
    }
    expect(news.map(({ kind }) => kind)).toEqual(["refresh-failed"]);
    expect(news[0]).toMatchObject({ severity: "warning" });
    expect(news[0]?.text).toMatch(
      /^the scripted source gave no credentials; requests go on with credentials that last 5 h \d\d min\. Reason: connect ECONNREFUSED$/,
    );

    script.failsWith = undefined;
    await clock.advance(10 * MINUTE);
    expect(lane.take().news.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
      expect.stringMatching(/^rotated: Took ASIA11 from the scripted source, good for/),
      expect.stringMatching(
        /^refresh-recovered: the scripted source answers again after .*; \d+ attempts had failed\.$/,
      ),
    ]);
  });

  it("is told again when it begins to matter, an hour and ten minutes before the end, and at the end", async () => {
    const clock = new VirtualClock({ startAt: 10 * HOUR });
    const { keeper, script } = scripted(clock);
    const lane = new LaneRecorder({ clock });
    lane.observe(keeper);
    await keeper.provider();
    lane.take();
    const news: News[] = [];

    script.failsWith = new Error("connect ECONNREFUSED");
    for (let minute = 0; minute < 7 * 60; minute++) {
      await clock.advance(MINUTE);
      await keeper.provider();
      news.push(...lane.take().news);
    }

    expect(news.map(({ kind, severity }) => `${kind} ${severity}`)).toEqual([
      "refresh-failed warning",
      "state warning",
      "state error",
      "state error",
    ]);
    expect(news[1]?.text).toMatch(
      /^Less than 60 minutes left: the scripted source has given no credentials for 4 h \d+ min\.$/,
    );
    expect(news[3]?.text).toContain("of no use any more");
    expect(lane.take().lane).toMatchObject({ survivalMs: 0, keepers: [{ state: "expired" }] });
  });
});

describe("what is recorded", () => {
  it("holds no secret, not even one that somebody else put into an error", async () => {
    const clock = new VirtualClock({ startAt: 10 * HOUR });
    const { keeper, script } = scripted(clock);
    const secrets = ["planted/Secret+Access/Key0000000000000000", "IQoJplantedSecurityToken".repeat(4)];
    const lane = new LaneRecorder({ clock });
    lane.observe(keeper);
    const live = record(clock);
    await keeper.provider();
    live.tick([lane.take()]);

    script.failsWith = new Error(`bad answer: ${secrets.join(" and ")}`, { cause: new Error(secrets[0]) });
    await keeper.refresh().catch(() => {});
    void keeper.reject(keeper.status().accessKeyId ?? "", secrets[1] ?? "").catch(() => {});
    await clock.advance(MINUTE);
    live.tick([lane.take()]);

    const text = JSON.stringify(live.hello());
    expect(text).toContain("bad answer: (not shown) and (not shown)");
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/Secret\+Access|IQoJ/);
  });

  it("stays bounded through a week in which something happens all the time", async () => {
    const clock = new VirtualClock({ startAt: 10 * HOUR });
    const { keeper, script } = scripted(clock);
    const lane = new LaneRecorder({ clock });
    lane.observe(keeper);
    const live = record(clock);
    await keeper.provider();
    let largest = 0;
    let requests = 0;

    for (let minute = 0; minute < 7 * 24 * 60; minute++) {
      // An outage of two hours a day, and a source that fails every other time for two more.
      const hour = (minute / 60) % 24;
      const fails = hour < 2 || (hour < 4 && minute % 2 === 0);
      script.failsWith = fails ? new Error(`failure ${minute}`) : undefined;
      if (hour >= 2 && hour < 4) await keeper.refresh().catch(() => {});
      if (minute % 97 === 0) void keeper.reject(keeper.status().accessKeyId ?? "", "ExpiredToken").catch(() => {});
      lane.noteRequest({ durationMs: minute % 50, ...(fails ? { error: new Error("no") } : {}) });
      requests += 1;
      await clock.advance(MINUTE);
      live.tick([lane.take()]);
      if (minute % 100 === 0) largest = Math.max(largest, JSON.stringify(live.hello()).length);
    }

    const hello = live.hello();
    expect(largest).toBeLessThan(400_000);
    expect(hello.told.length).toBeLessThanOrEqual(250);
    expect(hello.told.map(({ id }) => id - (hello.told[0]?.id ?? 0))).toEqual(hello.told.map((_, index) => index));
    // Two sentences for each change of an hour, at most: the flapping is not told each time.
    expect(hello.told.at(-1)?.id).toBeLessThan(7 * 24 * 6);
    const [samples = []] = hello.samples;
    expect(samples.length).toBeLessThanOrEqual(721);
    expect(samples.reduce((sum, sample) => sum + sample.requests, 0)).toBe(requests);
    expect(hello.state.lanes[0]?.keepers[0]?.generations.length).toBeLessThanOrEqual(48);
  });

  it("says so when the host slept or its clock was set", async () => {
    const clock = new VirtualClock({ startAt: 10 * HOUR });
    const live = record(clock);
    const lane = new LaneRecorder({ clock });
    live.start(() => [lane.take()]);
    await clock.advance(10 * SECOND);
    expect(live.hello().told).toEqual([]);

    clock.step(3 * HOUR);
    await clock.advance(10 * SECOND);
    clock.step(-5 * MINUTE);
    await clock.advance(10 * SECOND);

    expect(live.hello().told.map(({ text }) => text)).toEqual([
      "This host's clock went 3 h ahead: the host slept, or it was set.",
      "This host's clock went 5 minutes back: it was set.",
    ]);
  });

  it("is told at the pace of the ticks, and as things happen", async () => {
    const clock = new VirtualClock({ startAt: 10 * HOUR });
    const live = record(clock, { tickMs: 500, subject: "simulate" });
    const lane = new LaneRecorder({ clock, name: "first" });
    const heard: string[] = [];
    live.on("tick", ({ samples }) => heard.push(`tick ${samples.length}`));
    live.on("told", ({ id, lane, text }) => heard.push(`told ${id} ${lane} ${text}`));

    live.start(() => [lane.take()]);
    live.tell({ at: clock.now(), kind: "fault-started", severity: "note", text: "It begins." }, "first");
    await clock.advance(SECOND);

    expect(heard).toEqual(["tick 1", "told 0 first It begins.", "tick 1", "tick 1"]);
    expect(live.hello()).toMatchObject({ subject: "simulate", host: "test-host", tickMs: 500, state: { speed: 0 } });
  });
});

describe("a simulator's lane", () => {
  it("shows what was handed out and when it was issued, what IMDS answered, and what S3 refused, with the story of it", async () => {
    const { pool, simulator, clock } = await recorded();
    const lane = new SimulatedLane(simulator, { name: "simulator" });
    await pool.send(put());
    await clock.advance(MINUTE);
    expect(lane.take()).toMatchObject({
      lane: {
        name: "simulator",
        survivalMs: expect.any(Number),
        keepers: [
          { state: "fresh", role: "evertoken-role", generations: [{ generation: 1, issuedAt: expect.any(Number) }] },
        ],
        totals: { requests: 1, failures: 0, imdsAnswers: { 200: 3 } },
      },
      news: [{ kind: "rotated", text: expect.stringMatching(/^Generation 1 for evertoken-role was handed out: ASIA/) }],
    });

    simulator.fault("credentials-revoked");
    await pool.send(put());
    await clock.advance(MINUTE);

    const { lane: shown, news, sample } = lane.take();
    expect(shown.keepers[0]?.generations).toMatchObject([
      { generation: 1, rejectedAt: expect.any(Number) },
      { generation: 2, takenAt: expect.any(Number) },
    ]);
    expect(sample).toMatchObject({ requests: 2, failures: 1, surfaced: 0 });
    const refused = news.find(({ kind }) => kind === "rejected");
    expect(refused?.text).toMatch(
      /^S3 refused 1 request of default, signed with generation 1 \(ASIA\w+\): ExpiredToken: revoked\.$/,
    );
    expect(refused?.story?.at(-1)).toContain("revoked before their end");
  });

  it("of clients that nobody stands before counts what S3 refused as surfaced", async () => {
    const { pool, simulator, clock } = await recorded();
    const lane = new SimulatedLane(simulator, { name: "stock", client: "default", surfaces: true });
    await pool.send(put());
    simulator.fault("credentials-revoked");
    await pool.send(put());
    await clock.advance(MINUTE);

    const { lane: shown, sample, news } = lane.take();
    expect(sample.surfaced).toBe(1);
    expect(shown.totals.surfaced).toBe(1);
    expect(news.map(({ kind }) => kind)).toContain("surfaced");
  });
});

describe("a lane in another process", () => {
  const clock = new VirtualClock({ startAt: 10 * HOUR });

  it("is as it was last heard of between its reports, and nothing that it told is lost when they come together", () => {
    const lane = new LaneRecorder({ clock, name: "far" });
    const remote = new RemoteLane("far");
    expect(remote.take(clock.now())).toMatchObject({ lane: { name: "far", keepers: [] }, sample: { requests: 0 } });

    lane.noteRequest({ durationMs: 4 });
    remote.receive(lane.take());
    lane.noteRequest({ durationMs: 400, error: new Error("no") });
    remote.receive(lane.take());

    expect(remote.take(clock.now()).sample).toMatchObject({ requests: 2, failures: 1 });
    expect(remote.take(clock.now())).toMatchObject({
      lane: { totals: { requests: 2, failures: 1 } },
      sample: { requests: 0, failures: 0 },
    });
  });

  it("stands still on a page whose subject is over, which goes on to be connected", async () => {
    const clock = new VirtualClock({ startAt: 10 * HOUR, speed: 0 });
    const remote = new RemoteLane("far");
    const live = record(clock).start(() => [remote.take(clock.now())]);
    await clock.advance(SECOND);
    const over = clock.now();

    live.end();
    const ticks: Tick[] = [];
    live.on("tick", (tick) => ticks.push(tick));
    await clock.advance(3 * SECOND);

    expect(ticks.map(({ state, samples }) => [state.now, samples])).toEqual([
      [over, []],
      [over, []],
      [over, []],
    ]);
    expect(live.hello().samples[0]).toHaveLength(2);
  });
});
