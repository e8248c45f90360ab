/**
 * The order of a client's and a command's middlewares, remembered. For each request the SDK joins the two stacks and puts
 * some thirty middlewares in order, a tenth of all that it does, and the outcome is the same for all stacks that look
 * alike. So the SDK does it once, on markers, for each look; later requests have their own middlewares put in that order.
 *
 * Unlike the SDK's `cacheMiddleware`, each request has a context and a handler of its own.
 */

import type { MiddlewareStack, MiddlewareType } from "@smithy/types";

// biome-ignore lint/suspicious/noExplicitAny: each client's stack is invariant in its own inputs and outputs.
type Stack = MiddlewareStack<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above.
type Middleware = MiddlewareType<any, any>;
type Options = Readonly<Record<string, unknown>>;

/** Innermost first; counts through the client's middlewares and then the command's. */
type Order = readonly number[];

/** More looks than a process has commands are made up by somebody, and not worth the memory. */
const MAX_LOOKS = 200;

/** What decides the order. */
const LOOK = ["name", "aliases", "override", "step", "priority", "relation", "toMiddleware"] as const;

const CHANGING = ["add", "addRelativeTo", "remove", "removeByTag"] as const;

/** What is in a stack, as the SDK hands it on. */
interface Entries {
  readonly middlewares: readonly Middleware[];
  readonly options: readonly Options[];
}

/** Something for each look of a stack. Compared one by one: the names are the same objects, which is quicker than any key. */
class ByLook<T> {
  readonly #known: { readonly look: readonly Options[]; readonly value: T }[] = [];

  get(options: readonly Options[], make: () => T): T {
    for (const { look, value } of this.#known) if (looksLike(look, options)) return value;
    const value = make();
    // Without the middlewares, which would keep their client.
    const look = options.map((each) => Object.fromEntries(LOOK.map((part) => [part, each[part]])));
    if (this.#known.length >= MAX_LOOKS) this.#known.length = 0;
    this.#known.push({ look, value });
    return value;
  }
}

function looksLike(look: readonly Options[], options: readonly Options[]): boolean {
  if (look.length !== options.length) return false;
  for (let index = 0; index < look.length; index++) {
    const [one, other] = [look[index] as Options, options[index] as Options];
    for (const part of LOOK) {
      if (one[part] !== other[part] && String(one[part]) !== String(other[part])) return false;
    }
  }
  return true;
}

/** For clients that are alike: what is found out for one is known for all. */
export class RememberedOrders {
  readonly #orders = new ByLook<ByLook<Order>>();

  /** Makes a client's stack join those of its commands in the remembered order. */
  use(stack: Stack): void {
    const join = stack.concat;
    let own: { readonly middlewares: readonly Middleware[]; readonly orders: ByLook<Order> } | undefined;
    for (const method of CHANGING) {
      const change = stack[method] as (...args: unknown[]) => unknown;
      const changing = (...args: unknown[]) => {
        own = undefined;
        return change(...args);
      };
      Object.assign(stack, { [method]: changing });
    }
    const entriesOfOwn = () => {
      const { middlewares, options } = entriesOf(stack);
      own = { middlewares, orders: this.#orders.get(options, () => new ByLook()) };
      return own;
    };
    stack.concat = (from: Stack) => {
      // Who wants the order printed gets it from the SDK.
      if (stack.identifyOnResolve() || from.identifyOnResolve()) return join(from);
      const { middlewares, orders } = own ?? entriesOfOwn();
      const added = entriesOf(from);
      const inOrder = () => {
        const order = orders.get(added.options, () => orderBySdk(stack, from));
        const count = middlewares.length;
        return order.map((index) => (index < count ? middlewares[index] : added.middlewares[index - count]));
      };
      return joined(inOrder as () => Middleware[], () => join(from));
    };
  }
}

/** Does at once what a request asks of it, and lets the SDK's own stack do everything else. */
function joined(inOrder: () => readonly Middleware[], join: () => Stack): Stack {
  let bySdk: Stack | undefined;
  const resolve = (handler: unknown, context: unknown) =>
    inOrder().reduce((next, middleware) => middleware(next as never, context as never), handler);
  return new Proxy({} as Stack, {
    get(_, name) {
      if (name === "resolve" && bySdk === undefined) return resolve;
      bySdk ??= join();
      return Reflect.get(bySdk, name);
    },
  });
}

function orderBySdk(stack: Stack, from: Stack): Order {
  const order: number[] = [];
  let index = 0;
  const newMarker = () => {
    const itself = index++;
    return (next: unknown) => {
      order.push(itself);
      return next;
    };
  };
  const [own, added] = [stack, from].map((each) => withMarkers(each, newMarker)) as [Stack, Stack];
  own.concat(added).resolve((() => {}) as never, {});
  return order;
}

/** A stack that looks like another one and has something else for middlewares. */
function withMarkers(stack: Stack, newMarker: () => unknown): Stack {
  const copy = stack.clone();
  for (const middleware of entriesOf(stack).middlewares) copy.remove(middleware);
  const add =
    (method: "add" | "addRelativeTo") =>
    (_: Middleware, { middleware: _itself, ...options }: Options) =>
      copy[method](newMarker() as never, options as never);
  stack.applyToStack({ add: add("add"), addRelativeTo: add("addRelativeTo") } as never);
  return copy;
}

function entriesOf(stack: Stack): Entries {
  const middlewares: Middleware[] = [];
  const options: Options[] = [];
  const add = (middleware: Middleware, itsOptions: Options) => {
    middlewares.push(middleware);
    options.push(itsOptions);
  };
  stack.applyToStack({ add, addRelativeTo: add } as never);
  return { middlewares, options };
}
