/**
 * What EC2 dropped of this host's link-local traffic: requests to IMDS, DNS and NTP together, beyond 1024 packets a second
 * and interface. The driver of EC2's network adapter counts it as `linklocal_allowance_exceeded`; only `ethtool` can ask it.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-network-performance-ena.html
 */

import { execFile } from "node:child_process";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { type MeterProvider, metrics, type ObservableResult } from "@opentelemetry/api";
import { Meters } from "./instruments.js";

const run = promisify(execFile);

const STATISTIC = /^\s*linklocal_allowance_exceeded:\s*(\d+)\s*$/m;

/** Reading a driver's counters takes milliseconds. */
const TIMEOUT_MS = 2000;

/** EC2 attaches 16 at most to an instance; what a container host has beyond is virtual. */
const MOST_INTERFACES = 16;

/**
 * Measures the link-local packets that EC2 dropped, where `ethtool` is installed and the network driver tells; elsewhere there
 * is no such metric.
 * @returns the way to stop.
 */
export function observeHost({
  meterProvider = metrics.getMeterProvider(),
}: {
  readonly meterProvider?: MeterProvider | undefined;
} = {}): () => void {
  const { linkLocalDrops } = Meters.of(meterProvider).instruments;
  const silent = new Set<string>();
  const read = async (result: ObservableResult) => {
    const names = Object.entries(networkInterfaces())
      .filter(([, addresses]) => addresses?.some(({ internal }) => !internal))
      .map(([name]) => name)
      .filter((name) => !silent.has(name))
      .slice(0, MOST_INTERFACES);
    await Promise.all(
      names.map(async (name) => {
        const dropped = await droppedOn(name);
        if (dropped === undefined) silent.add(name);
        else result.observe(dropped, { interface: name });
      }),
    );
  };
  linkLocalDrops.addCallback(read);
  return () => linkLocalDrops.removeCallback(read);
}

/** Undefined where the driver does not tell, or there is no `ethtool`: it is not asked again. */
async function droppedOn(name: string): Promise<number | undefined> {
  try {
    const { stdout } = await run("ethtool", ["-S", name], { timeout: TIMEOUT_MS });
    const found = STATISTIC.exec(stdout)?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
