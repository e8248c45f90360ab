/**
 * A source that remembers over a restart: it keeps what its own source gives in the state file, and when that one does not
 * answer at once the first time, answers with what is in there. From then on it is its own source and nothing else.
 */

import { abortable, type Clock, settlesWithin } from "@evertoken/core";
import type { CredentialSource, Credentials, Loaded, LoadRequest } from "@evertoken/credentials";
import type { AgentLog } from "./log.js";
import type { StateFile } from "./state-file.js";
import type { Troubles } from "./troubles.js";
import { mayBeHandedOut } from "./validity.js";

export interface WarmSourceOptions {
  readonly source: CredentialSource;
  readonly state: StateFile;
  readonly clock: Clock;
  readonly log: AgentLog;
  readonly troubles: Troubles;
}

/** A healthy IMDS answers in a few milliseconds; an agent that is restarted should be there within half a second. */
const PATIENCE_MS = 250;

const STATE_FILE = "the state file";

export class WarmSource implements CredentialSource {
  readonly #options: WarmSourceOptions;
  #isFirst = true;
  #answeredFromState = false;
  #saved: string | undefined;

  constructor(options: WarmSourceOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.source.name;
  }

  get watchable(): boolean {
    return this.#options.source.watchable;
  }

  /** Whether what was loaded first is what was remembered, so that the source should be asked again soon. */
  get answeredFromState(): boolean {
    return this.#answeredFromState;
  }

  async load(request: LoadRequest): Promise<Loaded> {
    const { source } = this.#options;
    const loading = source.load(request).then((loaded) => this.#remember(loaded));
    if (!this.#isFirst) return loading;
    this.#isFirst = false;
    // It may fail while the file is read, or be given up for it: who waits for it still hears of it.
    loading.catch(() => {});
    const remembered = await this.#remembered();
    if (remembered === undefined) return loading;
    const inTime = settlesWithin(loading, PATIENCE_MS, this.#options.clock.network, request.signal);
    const loaded = (await inTime) ? await abortable(loading, request.signal).catch(() => undefined) : undefined;
    if (loaded !== undefined) return loaded;
    this.#answeredFromState = true;
    this.#options.log.warn("the source does not answer at the start: going on with the state file", {
      source: source.name,
      accessKeyId: remembered.accessKeyId,
    });
    return { credentials: remembered };
  }

  close(): void {
    this.#options.source.close?.();
  }

  async #remembered(): Promise<Credentials | undefined> {
    const { state, clock, log } = this.#options;
    try {
      const remembered = await state.load();
      const remainingMs = (remembered?.expiration?.getTime() ?? Number.NEGATIVE_INFINITY) - clock.now();
      return mayBeHandedOut(remainingMs) ? remembered : undefined;
    } catch (error) {
      log.warn("the state file is not used", { error: String(error) });
      return undefined;
    }
  }

  #remember(loaded: Loaded): Loaded {
    const { accessKeyId, expiration } = loaded.credentials;
    const mark = `${accessKeyId} ${expiration?.getTime()}`;
    if (mark === this.#saved || expiration === undefined) return loaded;
    this.#saved = mark;
    const { state, troubles } = this.#options;
    state.save(loaded.credentials).then(
      () => troubles.over(STATE_FILE),
      (error) => {
        // Tried again with the next answer.
        this.#saved = undefined;
        troubles.note(STATE_FILE, `${STATE_FILE} cannot be written`, error);
      },
    );
    return loaded;
  }
}
