/** A process of this package's own, and the conversation with it. It ends with the one that started it, however that goes. */

import { type ChildProcess, fork } from "node:child_process";
import { devNull } from "node:os";
import { join } from "node:path";

/** Of what a process complained, its end is what says why it ended. */
const COMPLAINTS_KEPT = 2000;

/** There is nothing below the null device. */
const NO_FILE = join(devNull, "none");

export class Forked<To extends object, From extends object> {
  readonly #child: ChildProcess;
  readonly #gone: Promise<string>;
  readonly #unread: From[] = [];
  #complaints = "";
  #reader: ((message: From) => void) | undefined;

  /**
   * @param module the file that runs.
   * @param environment besides that of this process, of which nothing is passed on that an AWS SDK would take for
   * configuration: measurements must not depend on whose machine it is.
   */
  constructor(module: URL, environment: Readonly<Record<string, string>> = {}) {
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("AWS_")));
    this.#child = fork(module, {
      execArgv: ["--no-warnings"],
      env: {
        ...own,
        AWS_CONFIG_FILE: NO_FILE,
        AWS_SHARED_CREDENTIALS_FILE: NO_FILE,
        // The SDK announces the end of its support for an old Node.js in each process.
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
        ...environment,
      },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.on("data", (text: Buffer) => {
      this.#complaints = (this.#complaints + text.toString()).slice(-COMPLAINTS_KEPT);
    });
    this.#child.on("message", (message: From) => {
      if (this.#reader === undefined) this.#unread.push(message);
      else this.#reader(message);
      this.#reader = undefined;
    });
    this.#gone = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(error.message));
      this.#child.once("close", (code, signal) => {
        const complaint = this.#complaints.trim();
        resolve(`it ended early (${signal ?? `exit ${code}`})${complaint === "" ? "" : `: ${complaint}`}`);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  send(message: To): void {
    // When it is gone, whoever waits for its answer hears why.
    if (this.#child.connected) this.#child.send(message);
  }

  /** The next message. @throws Error when the process ends instead, with what it complained about. */
  receive(): Promise<From> {
    const unread = this.#unread.shift();
    if (unread !== undefined) return Promise.resolve(unread);
    const told = new Promise<From>((resolve) => {
      this.#reader = resolve;
    });
    const ended = this.#gone.then((how) => {
      // What it said last may come with the news of its end.
      const last = this.#unread.shift();
      if (last !== undefined) return last;
      throw new Error(how);
    });
    return Promise.race([told, ended]);
  }

  /** Ends it, whatever it does. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#gone;
  }
}
