/**
 * Whether the machine was fit for measuring: what else it did meanwhile, whether it was held back, whether the target had
 * anything left. Looked at over each measured time; a run that was disturbed says so.
 */

import { readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { systemClock } from "@evertoken/core";
import type { Machine } from "../record.js";
import { ownCpuSeconds } from "./process-costs.js";

/** Linux counts the CPU time of processes in ticks of this many a second, whatever the kernel's own are. */
const TICKS_PER_SECOND = 100;

export function describeMachine(): Machine {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

/** What happened on the machine during one round of a case. */
export interface Conditions {
  readonly seconds: number;
  /** Cores kept busy by neither the clients, nor the target, nor this process. Undefined where nothing tells. */
  readonly otherCores: number | undefined;
  /** Cores' worth of time that the hypervisor gave to others. */
  readonly stolenCores: number;
  /** Times the kernel held this group of processes back for its quota, or a core ran slower for its heat. */
  readonly throttled: number;
}

interface Reading {
  readonly atMs: number;
  readonly busySeconds: number;
  readonly stolenSeconds: number;
  readonly throttled: number;
  readonly targetSeconds: number | undefined;
  readonly ownSeconds: number;
}

/**
 * Begins now.
 * @param targetPid of a target on this machine.
 * @returns how to end it; told the CPU time of the clients meanwhile.
 */
export function watchMachine(targetPid: number | undefined): (clientCpuSeconds: number) => Conditions {
  const before = read(targetPid);
  return (clientCpuSeconds) => {
    const after = read(targetPid);
    const seconds = (after.atMs - before.atMs) / 1000;
    const difference = (of: (reading: Reading) => number | undefined) => (of(after) ?? 0) - (of(before) ?? 0);
    const target = difference(({ targetSeconds }) => targetSeconds);
    const own = difference(({ ownSeconds }) => ownSeconds);
    const busy = difference(({ busySeconds }) => busySeconds);
    return {
      seconds,
      otherCores:
        before.busySeconds === 0 ? undefined : Math.max(0, (busy - clientCpuSeconds - target - own) / seconds),
      stolenCores: difference(({ stolenSeconds }) => stolenSeconds) / seconds,
      throttled: difference(({ throttled }) => throttled),
    };
  };
}

function read(targetPid: number | undefined): Reading {
  const times = cpus().map((cpu) => cpu.times);
  return {
    atMs: systemClock.monotonic(),
    busySeconds: times.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, 0) / 1000,
    stolenSeconds: stolenSeconds(),
    throttled: quotaThrottled() + heatThrottled(),
    targetSeconds: targetPid === undefined ? undefined : cpuSecondsOf(targetPid),
    ownSeconds: ownCpuSeconds(),
  };
}

/** CPU time of a process and its children; undefined where `/proc` is not, or it is gone. */
export function cpuSecondsOf(pid: number): number | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  // The name of the program stands in parentheses, and may have anything in it.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields === undefined) return undefined;
  const own = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  const children = textOf(`/proc/${pid}/task/${pid}/children`)?.trim().split(" ") ?? [];
  return children.filter((child) => child !== "").reduce((sum, child) => sum + (cpuSecondsOf(Number(child)) ?? 0), own);
}

/** The eighth figure of the first line: man 5 proc. */
function stolenSeconds(): number {
  const first = textOf("/proc/stat")?.split("\n", 1)[0] ?? "";
  return Number(first.trim().split(/\s+/)[8] ?? 0) / TICKS_PER_SECOND;
}

/** Of the control group that a container or a unit of systemd is in: how often its quota was used up. */
function quotaThrottled(): number {
  const text = textOf("/sys/fs/cgroup/cpu.stat") ?? textOf("/sys/fs/cgroup/cpu/cpu.stat") ?? "";
  return Number(/^nr_throttled (\d+)$/m.exec(text)?.[1] ?? 0);
}

function heatThrottled(): number {
  const counts = cpus().map((_, core) =>
    textOf(`/sys/devices/system/cpu/cpu${core}/thermal_throttle/core_throttle_count`),
  );
  return counts.reduce((sum, count) => sum + Number(count ?? 0), 0);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
