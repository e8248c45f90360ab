/**
 * By which names a server on this host may be asked. A web page whose name was made to point at loopback (DNS rebinding) comes with
 * a `Host` of its own, and is told apart by that.
 */

export const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "localhost", "[::1]"];

/**
 * What may stand in `Host`, in lower case.
 * @param ports on which the server listens; with 80 in them, names may come without a port. None: a Unix socket, without ports.
 */
export function hostHeaders(names: readonly string[], ports: readonly number[]): ReadonlySet<string> {
  const headers = new Set<string>();
  for (const given of names) {
    const name = given.toLowerCase();
    for (const port of ports) headers.add(`${name}:${port}`);
    if (ports.length === 0 || ports.includes(80)) headers.add(name);
  }
  return headers;
}
