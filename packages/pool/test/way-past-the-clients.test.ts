import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { ClientCreationError, type ClientPoolOptions, createClientPool, type Seat } from "@evertoken/pool";
import { describe, expect, it, onTestFinished } from "vitest";
import { everNewKeeper, s3At, serviceThatSays } from "./service.js";

const list = () => new ListBucketsCommand();
const NOTHING = { $metadata: {} };

/** A pool of real clients, whose requests go past them until the test says otherwise. */
function poolWithAWayPast(options: Partial<ClientPoolOptions<S3Client>> = {}, endpoint = "http://127.0.0.1:1") {
  const clients = { created: 0, destroyed: 0 };
  const create = ({ credentials }: Parameters<ClientPoolOptions<S3Client>["create"]>[0]) => {
    const client = s3At(endpoint, { credentials, maxAttempts: 1 });
    const destroy = client.destroy.bind(client);
    client.destroy = () => {
      clients.destroyed += 1;
      destroy();
    };
    clients.created += 1;
    return client;
  };
  const way: { send: NonNullable<ClientPoolOptions<S3Client>["send"]> } = { send: async () => NOTHING };
  const pool = createClientPool<S3Client>({
    size: 100,
    keeper: everNewKeeper(),
    create,
    send: (seat, command, given) => way.send(seat, command, given),
    ...options,
  });
  onTestFinished(() => pool.close({ drainMs: 0 }));
  /** Requests that are under way until `end`, and their seats. */
  const underWay = (count: number) => {
    const seats: Seat<S3Client>[] = [];
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    way.send = async (seat) => {
      seats.push(seat);
      await finished;
      return NOTHING;
    };
    const sent = Array.from({ length: count }, () => pool.send(list()));
    const end = async () => {
      finish();
      await Promise.all(sent);
    };
    return { seats, end };
  };
  return { pool, clients, create, way, underWay };
}

describe("members of a pool whose requests have a way past the clients", () => {
  it("are there without their clients, the first excepted", async () => {
    const { pool, clients, underWay } = poolWithAWayPast();

    const { end } = underWay(100);

    expect(pool.stats()).toMatchObject({ created: 100, inFlight: 100 });
    expect(pool.stats().members.map(({ inFlight }) => inFlight)).toEqual(Array(100).fill(1));
    expect(clients.created).toBe(1);
    await end();
  });

  it("have a client as soon as a request asks for it, and keep it", async () => {
    const { clients, underWay } = poolWithAWayPast();
    const { seats, end } = underWay(3);

    const opened = seats.map((seat) => [seat.open(), seat.open(), seat.client]);

    expect(clients.created).toBe(3);
    expect(opened.every(([one, again, kept]) => one === again && again === kept)).toBe(true);
    expect(new Set(opened.map(([one]) => one)).size).toBe(3);
    await end();
  });

  it("have a client when they are leased", async () => {
    const { pool, clients, underWay } = poolWithAWayPast();
    const { end } = underWay(3);

    const client = await pool.lease((leased) => leased);

    expect(client).toBeInstanceOf(S3Client);
    expect(clients.created).toBe(2);
    await end();
  });

  it("sign by the right time with a client that was created after the pool had learned it", async () => {
    const skewed = 600_000;
    const service = await serviceThatSays(
      (_, outgoing) => {
        outgoing.setHeader("date", new Date(Date.now() + skewed).toUTCString());
        outgoing.writeHead(403).end("<Error><Code>RequestTimeTooSkewed</Code></Error>");
      },
      (_, outgoing) => outgoing.end("<ListAllMyBucketsResult/>"),
    );
    const { pool, way, underWay } = poolWithAWayPast({}, service.url);
    way.send = async (seat, command) => seat.open().send(command as ListBucketsCommand);
    await pool.send(list());

    const { seats, end } = underWay(2);
    const [told = 0, of = 0] = [seats[1]?.skewMs, seats[1]?.open().config.systemClockOffset];

    expect(Math.abs(told - skewed)).toBeLessThan(5_000);
    expect(of).toBe(told);
    await end();
  });

  it("are destroyed with the clients they have, when they are old as when the pool closes", async () => {
    const clock = new VirtualClock();
    const { pool, clients, underWay } = poolWithAWayPast({ clock, maxLifetimeMs: 60_000 });
    const { seats, end } = underWay(4);
    seats[3]?.open();
    await clock.advance(61_000);
    expect(pool.stats()).toMatchObject({ retired: 4, leaving: 4 });
    expect(clients.destroyed).toBe(0);

    await end();
    expect(clients).toEqual({ created: 2, destroyed: 2 });

    const { seats: later, end: endLater } = underWay(2);
    later[1]?.open();
    const closing = pool.close({ drainMs: 1 });
    await clock.advance(1);
    await closing;
    expect(clients).toEqual({ created: 3, destroyed: 3 });
    await endLater();
  });

  it("leave no client behind that a request asked for when the pool was closed already", async () => {
    const { pool, clients, underWay } = poolWithAWayPast();
    const { seats, end } = underWay(2);
    await pool.close({ drainMs: 0 });
    expect(clients).toEqual({ created: 1, destroyed: 1 });

    seats[1]?.open();
    await end();

    expect(clients).toEqual({ created: 2, destroyed: 2 });
  });
});

describe("a client that is needed and cannot be created", () => {
  it("is told of with the first request, as if there were no other way", async () => {
    const { pool } = poolWithAWayPast({
      create: () => {
        throw new Error("no such profile");
      },
    });

    await expect(pool.send(list())).rejects.toThrow(ClientCreationError);

    expect(pool.stats()).toMatchObject({ created: 0, members: [] });
  });

  it("leaves its request to another member's, and is asked for again after a pause only", async () => {
    const clock = new VirtualClock();
    let asked = 0;
    const { pool, create, underWay } = poolWithAWayPast({
      clock,
      create: (member) => {
        asked += 1;
        if (asked === 2) throw new Error("out of file handles");
        return create(member);
      },
    });
    const { seats, end } = underWay(3);
    const [first, second, third] = seats;

    expect(second?.open()).toBe(first?.client);
    expect(third?.open()).toBe(first?.client);
    expect(asked).toBe(2);
    expect(pool.stats().members.map(({ sent, inFlight }) => [sent, inFlight])).toEqual([
      [3, 3],
      [0, 0],
      [0, 0],
    ]);
    await end();
    expect(pool.stats()).toMatchObject({ inFlight: 0, sent: 3, failed: 0 });

    await clock.advance(1_000);
    const { seats: later, end: endLater } = underWay(3);
    for (const seat of later) seat.open();

    expect(asked).toBe(4);
    await endLater();
  });

  it("is told of when no other member has one", async () => {
    const clock = new VirtualClock();
    let isBroken = false;
    const { create, underWay } = poolWithAWayPast({
      clock,
      maxLifetimeMs: 60_000,
      create: (member) => {
        if (isBroken) throw new Error("out of file handles");
        return create(member);
      },
    });
    await underWay(1).end();
    isBroken = true;
    await clock.advance(61_000);
    const { seats, end } = underWay(1);

    expect(() => seats[0]?.open()).toThrow(/out of file handles/);

    await end();
  });
});
