/** What a fault is to a client: it fails while the fault lasts, and works again afterwards. */

import type { ActiveFault, FaultOptions } from "@evertoken/simulator";
import { expect } from "vitest";

interface Startable {
  readonly start: (options?: FaultOptions) => ActiveFault;
}

export function failing<Scene extends Startable>(
  ask: (scene: Scene) => Promise<unknown>,
  error: object,
  options?: FaultOptions,
) {
  return async (scene: Scene): Promise<void> => {
    const fault = scene.start(options);

    await expect(ask(scene)).rejects.toMatchObject(error);
    fault.end();

    await ask(scene);
  };
}
