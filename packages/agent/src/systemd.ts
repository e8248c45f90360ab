/**
 * What systemd and the agent tell each other: sockets that were opened for it (`LISTEN_FDS`), and that it is ready, alive or
 * about to end (`NOTIFY_SOCKET`).
 *
 * That socket is a Unix datagram socket, which Node.js cannot open: systemd's own `systemd-notify` is started for each
 * message. Its messages come from another process, so the unit needs `NotifyAccess=all`.
 * @see https://www.freedesktop.org/software/systemd/man/sd_listen_fds.html
 * @see https://www.freedesktop.org/software/systemd/man/sd_notify.html
 */

import { execFile } from "node:child_process";
import { type Clock, every, InvalidInputError, systemClock, type Timer } from "@evertoken/core";
import type { HandedSockets } from "./doors.js";

/** The first descriptor behind standard input, output and error. */
const FIRST_FD = 3;

const NAMES = ["container", "imds", "admin", "socket"] as const;

type Name = (typeof NAMES)[number];

/**
 * The sockets that were handed over, by their `FileDescriptorName=`; one without a name of ours is the container endpoint's.
 * @throws InvalidInputError when two of several cannot be told apart.
 */
export function handedSockets(environment: NodeJS.ProcessEnv = process.env): HandedSockets {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = "" } = environment;
  const count = Number(LISTEN_FDS ?? 0);
  // Meant for another process, whose environment we have inherited.
  if (LISTEN_PID !== String(process.pid) || !Number.isInteger(count) || count < 1) return {};
  const names = LISTEN_FDNAMES.split(":");
  const sockets: Partial<Record<Name, number>> = {};
  for (let index = 0; index < count; index++) {
    const given = names[index] ?? "";
    const known = NAMES.find((name) => name === given);
    const name = known ?? (count === 1 ? "container" : undefined);
    if (name === undefined || sockets[name] !== undefined) {
      const message = `names socket ${index + 1} of ${count} ${JSON.stringify(given)}: expected each of ${NAMES.join(", ")} once at most (FileDescriptorName= of the socket unit)`;
      throw new InvalidInputError("environment", [{ field: "LISTEN_FDNAMES", message }]);
    }
    sockets[name] = FIRST_FD + index;
  }
  return sockets;
}

export interface Notifier {
  /** Resolves when it has been told, or cannot be: false then. */
  ready(status: string): Promise<boolean>;
  reloading(): Promise<boolean>;
  stopping(): Promise<boolean>;
  close(): void;
}

/**
 * Tells systemd, where it listens (`NOTIFY_SOCKET`), and keeps its watchdog quiet (`WATCHDOG_USEC`) while this process turns.
 * Elsewhere it does nothing.
 */
export function createNotifier(environment: NodeJS.ProcessEnv = process.env, clock: Clock = systemClock): Notifier {
  const listens = Boolean(environment.NOTIFY_SOCKET);
  const tell = (...lines: string[]) => (listens ? notify(lines, environment) : Promise.resolve(false));
  let watchdog: Timer | undefined;
  return {
    async ready(status) {
      const told = await tell("READY=1", `STATUS=${status}`);
      const intervalMs = watchdogMs(environment);
      if (told && intervalMs !== undefined)
        watchdog ??= every(intervalMs / 2, () => void tell("WATCHDOG=1"), clock.network);
      return told;
    },
    // systemd wants to know when it began, by the clock that all processes of a host share.
    reloading: () => tell("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => tell("STOPPING=1"),
    close: () => watchdog?.cancel(),
  };
}

function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(process.pid)) return undefined;
  const ms = Number(WATCHDOG_USEC) / 1000;
  return ms > 0 ? ms : undefined;
}

/** A message that takes longer than this would not save us. */
const TIMEOUT_MS = 5000;

function notify(lines: readonly string[], { NOTIFY_SOCKET, PATH }: NodeJS.ProcessEnv): Promise<boolean> {
  return new Promise((resolve) => {
    execFile("systemd-notify", [...lines], { env: { NOTIFY_SOCKET, PATH }, timeout: TIMEOUT_MS }, (error) => {
      resolve(error === null);
    });
  });
}
