/**
 * The suite asks the same random questions each time, so that a failure belongs to the change that brought it; `npm run fuzz`
 * asks others. A failed property prints its seed and path: `EVERTOKEN_SEED=… EVERTOKEN_PATH=… npx vitest run FILE` is the very
 * same case again.
 */

import fc from "fast-check";

const { EVERTOKEN_SEED: seed = "1", EVERTOKEN_PATH: path } = process.env;

fc.configureGlobal({
  seed: seed === "random" ? Math.trunc(Math.random() * 2 ** 31) : Number(seed),
  ...(path === undefined ? {} : { path }),
});
