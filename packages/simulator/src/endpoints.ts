/**
 * The addresses under which the services are found: those of the simulator itself, those of further clients, and the
 * link-local ones. Which service takes connections is the same for all of its ports.
 */

import { ClosedError, InvalidInputError } from "@evertoken/core";
import { type Handlers, type Listening, type LoopbackHost, listen } from "./listener.js";
import { SERVICE_NAMES, type Service } from "./services.js";

export interface Endpoints {
  readonly imdsUrl: string;
  readonly s3Url: string;
  readonly stsUrl: string;
  /** Where the container credentials are; `environment` tells the paths and tokens. */
  readonly containerUrl: string;
  /** IMDS once more, on `::1`, if the simulator was started with `ipv6`. */
  readonly imdsIpv6Url: string | undefined;
}

/** Who asks through these endpoints, and from how far away. */
export interface Asker {
  readonly client: string;
  readonly hops: number;
}

/** The label of the first endpoints in the journal. */
export const FIRST_CLIENT = "default";

export interface ServicePorts {
  readonly imdsPort: number;
  readonly s3Port: number;
  readonly stsPort: number;
  readonly containerPort: number;
}

export const ANY_PORTS: ServicePorts = { imdsPort: 0, s3Port: 0, stsPort: 0, containerPort: 0 };

export class OpenEndpoints {
  readonly #handlers: (service: Service, asker: Asker) => Handlers;
  readonly #hasIpv6: boolean;
  readonly #listening: { readonly service: Service; readonly at: Listening }[] = [];
  readonly #refusing = new Set<Service>();
  readonly #byClient = new Map<string, Endpoints>();
  #isLinkLocal = false;
  #isClosed = false;

  /** @param handlers what answers requests to a service by such a client. */
  constructor(handlers: (service: Service, asker: Asker) => Handlers, { ipv6 }: { readonly ipv6: boolean }) {
    this.#handlers = handlers;
    this.#hasIpv6 = ipv6;
  }

  /** Whether the ECS agent is where a relative URI leads. */
  get isLinkLocal(): boolean {
    return this.#isLinkLocal;
  }

  /** @throws InvalidInputError when none were opened for that client. */
  of(client: string): Endpoints {
    const endpoints = this.#byClient.get(client);
    if (endpoints !== undefined) return endpoints;
    const message = `is ${JSON.stringify(client)}: expected one of ${[...this.#byClient.keys()].join(", ")}, or openEndpoints first`;
    throw new InvalidInputError("environment", [{ field: "client", message }]);
  }

  async open(asker: Asker, ports: ServicePorts): Promise<Endpoints> {
    const imdsHandlers = this.#handlers("imds", asker);
    const imds = await this.#listen("imds", ports.imdsPort, imdsHandlers);
    const ipv6 = this.#hasIpv6 ? await this.#listen("imds", 0, imdsHandlers, "::1") : undefined;
    const s3 = await this.#listen("s3", ports.s3Port, this.#handlers("s3", asker));
    const sts = await this.#listen("sts", ports.stsPort, this.#handlers("sts", asker));
    const container = await this.#listen("container", ports.containerPort, this.#handlers("container", asker));
    const endpoints: Endpoints = Object.freeze({
      imdsUrl: imds.url,
      s3Url: s3.url,
      stsUrl: sts.url,
      containerUrl: container.url,
      imdsIpv6Url: ipv6?.url,
    });
    this.#byClient.set(asker.client, endpoints);
    return endpoints;
  }

  /** The places where programs look that cannot be told another one. */
  async openLinkLocal(asker: Asker): Promise<void> {
    await this.#listen("imds", 80, this.#handlers("imds", asker), "169.254.169.254");
    await this.#listen("container", 80, this.#handlers("container", asker), "169.254.170.2");
    this.#isLinkLocal = true;
  }

  /** Whether the ports of a service take connections, those that are there and those to come. */
  setAccepting(service: Service, accepting: boolean): void {
    if (accepting) this.#refusing.delete(service);
    else this.#refusing.add(service);
    for (const { at } of this.#listening.filter((one) => one.service === service)) at.setAccepting(accepting);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#listening.map(({ at }) => at.close()));
  }

  /** @throws ClosedError once `close` has been called. */
  assertOpen(): void {
    if (this.#isClosed) throw new ClosedError("this simulator is closed: start another one");
  }

  async #listen(service: Service, port: number, handlers: Handlers, host?: LoopbackHost): Promise<Listening> {
    this.assertOpen();
    const listening = await listen(port, SERVICE_NAMES[service], handlers, host);
    this.#listening.push({ service, at: listening });
    if (this.#refusing.has(service)) listening.setAccepting(false);
    // Closed while the port was being opened: `close` has not seen this one.
    if (this.#isClosed) await listening.close();
    this.assertOpen();
    return listening;
  }
}
