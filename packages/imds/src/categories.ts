/**
 * What people read from IMDS, typed: the instance, its place, and what is about to happen to it.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html
 */

import { parseJson, parseJsonObject, UnreadableAnswer } from "@evertoken/core";
import { ImdsError } from "./errors.js";
import type { GetOptions, Read } from "./role-credentials.js";

const META = "/latest/meta-data";

/** The identity document, and the signatures by which others can verify it. */
export interface InstanceIdentity {
  readonly document: Readonly<Record<string, unknown>>;
  /** The document to the byte: what the signatures are of. */
  readonly text: string;
  /** Base64, RSA with SHA-256. */
  readonly signature: string;
}

export interface SpotInstanceAction {
  readonly action: "hibernate" | "stop" | "terminate";
  readonly time: Date;
}

export interface MaintenanceEvent {
  readonly code: string;
  readonly description: string;
  readonly state: string;
  readonly eventId: string;
  readonly notBefore: Date;
  readonly notAfter: Date | undefined;
}

export interface NetworkInterface {
  readonly mac: string;
  readonly interfaceId: string | undefined;
  readonly privateIpv4s: readonly string[];
  readonly ipv6s: readonly string[];
  readonly subnetId: string | undefined;
  readonly vpcId: string | undefined;
}

/** Categories of the metadata; each reads IMDS anew. Where an instance may have none, the answer is undefined or empty. */
export class Categories {
  readonly #read: Read;

  constructor(read: Read) {
    this.#read = read;
  }

  /** A category whose value is one word: an error page or an empty answer is not one. */
  word(path: string, options: GetOptions): Promise<string> {
    return this.#read(`${META}/${path}`, parseWord, options);
  }

  async identity(options: GetOptions): Promise<InstanceIdentity> {
    const path = "/latest/dynamic/instance-identity";
    const { document, text } = await this.#read(
      `${path}/document`,
      (text) => ({ document: parseJsonObject(text), text }),
      options,
    );
    const signature = await this.#read(`${path}/signature`, (answer) => answer.replaceAll("\n", ""), options);
    return { document, text, signature };
  }

  /** Empty when access to tags in metadata is off, which is the default of EC2. */
  async tags(options: GetOptions): Promise<Readonly<Record<string, string>>> {
    const names = await this.#lines("tags/instance", options);
    const values = await Promise.all(
      names.map((name) =>
        this.#read(`${META}/tags/instance/${encodeURIComponent(name)}`, (text) => text.trim(), options),
      ),
    );
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
  }

  spotInstanceAction(options: GetOptions): Promise<SpotInstanceAction | undefined> {
    return this.#ifThere("spot/instance-action", options, (text) => {
      const { action, time } = parseJsonObject(text);
      if (action !== "hibernate" && action !== "stop" && action !== "terminate") {
        throw new UnreadableAnswer("the spot instance-action has no action that is known");
      }
      return { action, time: instant(time) };
    });
  }

  /** When EC2 noticed that this spot instance is at elevated risk of interruption. */
  rebalanceRecommendation(options: GetOptions): Promise<Date | undefined> {
    return this.#ifThere("events/recommendations/rebalance", options, (text) =>
      instant(parseJsonObject(text).noticeTime),
    );
  }

  async maintenanceEvents(options: GetOptions): Promise<readonly MaintenanceEvent[]> {
    return (await this.#ifThere("events/maintenance/scheduled", options, parseMaintenance)) ?? [];
  }

  async networkInterfaces(options: GetOptions): Promise<readonly NetworkInterface[]> {
    const macs = await this.#lines("network/interfaces/macs", options);
    return Promise.all(macs.map((name) => this.#networkInterface(name.replace(/\/$/, ""), options)));
  }

  /** Undefined when the instance was started without any. */
  userData(options: GetOptions): Promise<string | undefined> {
    return this.#orUndefined(this.#read("/latest/user-data", (text) => text, options));
  }

  async #networkInterface(mac: string, options: GetOptions): Promise<NetworkInterface> {
    const path = `network/interfaces/macs/${mac}`;
    const value = (name: string) => this.#ifThere(`${path}/${name}`, options, (text) => text.trim());
    const [interfaceId, subnetId, vpcId] = await Promise.all([
      value("interface-id"),
      value("subnet-id"),
      value("vpc-id"),
    ]);
    const [privateIpv4s, ipv6s] = await Promise.all([
      this.#lines(`${path}/local-ipv4s`, options),
      this.#lines(`${path}/ipv6s`, options),
    ]);
    return { mac, interfaceId, privateIpv4s, ipv6s, subnetId, vpcId };
  }

  async #lines(path: string, options: GetOptions): Promise<string[]> {
    const parse = (text: string) => text.split("\n").filter((line) => line !== "");
    return (await this.#ifThere(path, options, parse)) ?? [];
  }

  #ifThere<T>(path: string, options: GetOptions, parse: (text: string) => T): Promise<T | undefined> {
    return this.#orUndefined(this.#read(`${META}/${path}`, parse, options));
  }

  /** 404: this instance has none. */
  async #orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
    try {
      return await reading;
    } catch (error) {
      if (error instanceof ImdsError && error.code === "IMDS_NOT_FOUND") return undefined;
      throw error;
    }
  }
}

function parseWord(text: string): string {
  const word = text.trim();
  if (/^[\w.:-]+$/.test(word)) return word;
  throw new UnreadableAnswer(`the answer is not one word (${text.length} characters)`);
}

function parseMaintenance(text: string): MaintenanceEvent[] {
  const events = parseJson(text.trim() === "" ? "[]" : text);
  if (!Array.isArray(events)) throw new UnreadableAnswer("the scheduled events are not a list");
  return events.map((event: Record<string, unknown>) => ({
    code: String(event.Code),
    description: String(event.Description ?? ""),
    state: String(event.State ?? ""),
    eventId: String(event.EventId ?? ""),
    notBefore: instant(event.NotBefore),
    notAfter: event.NotAfter === undefined ? undefined : instant(event.NotAfter),
  }));
}

/** ISO 8601 in most categories, `21 Jan 2026 09:00:43 GMT` in scheduled events. */
function instant(value: unknown): Date {
  const date = new Date(typeof value === "string" ? value : Number.NaN);
  if (Number.isNaN(date.getTime())) throw new UnreadableAnswer(`${JSON.stringify(value)} is not an instant`);
  return date;
}
