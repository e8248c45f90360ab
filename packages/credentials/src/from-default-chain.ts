/**
 * The places where AWS SDKs look for credentials, in the order of the AWS SDK for JavaScript, so that nobody becomes somebody
 * else by using a Keeper: environment, shared config files, web identity, container, IMDS. The first that is configured is
 * the one; it is not left for another when it fails, because credentials of a different identity are worse than an error.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Clock, createEvents, describeError, type EventSource, type Random } from "@evertoken/core";
import { CredentialsUnavailableError } from "./errors.js";
import { fromContainer, hasContainerEndpoint } from "./from-container.js";
import { fromEnvironment, hasEnvironmentCredentials } from "./from-environment.js";
import { fromImds } from "./from-imds.js";
import { fromSharedConfig, fromWebIdentity } from "./from-sdk.js";
import type { CredentialSource, Loaded, LoadRequest, SourceEvents, SourceKind } from "./source.js";

export interface DefaultChainOptions {
  /** The profile of the shared config files. Environment: `AWS_PROFILE`. With one named, the environment's keys are passed over. */
  readonly profile?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

interface Link {
  readonly what: string;
  /** Why it is passed over; undefined when it is configured. */
  readonly passedOver: () => string | undefined;
  readonly create: () => CredentialSource;
  /** Whether a failure may mean that it was not configured after all, so that the next one has its turn. */
  readonly maySayNone?: true;
}

/** A source that finds out with the first load where this process gets its credentials, and stays with that. */
export function fromDefaultChain(options: DefaultChainOptions = {}): CredentialSource {
  return new DefaultChain(linksOf(options));
}

class DefaultChain implements CredentialSource {
  readonly #links: readonly Link[];
  readonly #events = createEvents<SourceEvents>();
  #found: CredentialSource | undefined;

  constructor(links: readonly Link[]) {
    this.#links = links;
  }

  get name(): string {
    return this.#found?.name ?? "the default chain";
  }

  get kind(): SourceKind | undefined {
    return this.#found?.kind;
  }

  readonly on: EventSource<SourceEvents>["on"] = this.#events.on;

  get watchable(): boolean {
    return this.#found?.watchable ?? false;
  }

  async load(request: LoadRequest): Promise<Loaded> {
    return this.#found === undefined ? this.#find(request) : this.#found.load(request);
  }

  close(): void {
    this.#found?.close?.();
  }

  async #find(request: LoadRequest): Promise<Loaded> {
    const tried: string[] = [];
    for (const { what, passedOver, create, maySayNone } of this.#links) {
      const reason = passedOver();
      if (reason !== undefined) {
        tried.push(`${what}: ${reason}`);
        continue;
      }
      let source: CredentialSource | undefined;
      try {
        source = create();
        source.on?.("imdsRequest", (request) => this.#events.emit("imdsRequest", request));
        const loaded = await source.load(request);
        this.#found = source;
        return loaded;
      } catch (error) {
        source?.close?.();
        request.signal.throwIfAborted();
        tried.push(`${what}: ${describeError(error)}`);
        if (!(maySayNone && saysNone(error))) throw none(tried, error);
      }
    }
    throw none(tried, undefined);
  }
}

function none(tried: readonly string[], cause: unknown): CredentialsUnavailableError {
  const list = tried.map((line, index) => `${index + 1}. ${line}`).join("; ");
  return new CredentialsUnavailableError(`no source of credentials worked. In the AWS SDK's order: ${list}`, { cause });
}

/** How AWS SDK providers say "not my case", as opposed to "I failed". */
function saysNone(error: unknown): boolean {
  return error instanceof Error && "tryNextLink" in error && error.tryNextLink === true;
}

function linksOf({ profile, ...options }: DefaultChainOptions): Link[] {
  const { env } = process;
  const named = profile ?? env.AWS_PROFILE;
  const files = [
    env.AWS_CONFIG_FILE || join(env.HOME || homedir(), ".aws", "config"),
    env.AWS_SHARED_CREDENTIALS_FILE || join(env.HOME || homedir(), ".aws", "credentials"),
  ];
  return [
    {
      what: "environment",
      passedOver: () => {
        if (named) return `passed over for the profile ${named}`;
        return hasEnvironmentCredentials(env) ? undefined : "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set";
      },
      create: () => fromEnvironment(),
    },
    {
      what: "shared config files",
      passedOver: () =>
        files.some((file) => existsSync(file)) ? undefined : `there is neither ${files.join(" nor ")}`,
      create: () => fromSharedConfig({ profile: named || undefined }),
      maySayNone: true,
    },
    {
      what: "web identity",
      passedOver: () =>
        env.AWS_WEB_IDENTITY_TOKEN_FILE && env.AWS_ROLE_ARN
          ? undefined
          : "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set",
      create: () => fromWebIdentity(),
    },
    {
      what: "container",
      passedOver: () =>
        hasContainerEndpoint(env)
          ? undefined
          : "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set",
      create: () => fromContainer(options),
    },
    {
      what: "IMDS",
      passedOver: () =>
        env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === "true"
          ? "switched off by AWS_EC2_METADATA_DISABLED"
          : undefined,
      create: () => fromImds({ ...options, ...(named ? { profile: named } : {}) }),
    },
  ];
}
