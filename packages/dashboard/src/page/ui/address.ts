/**
 * The view as it stands in the address, behind the `#`: `#/host/i-0abc?range=6h`. So that it can be bookmarked, sent to a
 * colleague and left with the browser's back button, whoever serves the page.
 */

import { useEffect, useState } from "preact/hooks";

export interface Address {
  /** Between slashes, decoded: `["host", "i-0abc"]`. */
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

function parseAddress(hash: string): Address {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decoded), query: Object.fromEntries(new URLSearchParams(query)) };
}

export function addressOf({ path, query }: Address): string {
  const given = Object.entries(query).filter(([, value]) => value !== "");
  const search = given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
  return `#/${path.map(encodeURIComponent).join("/")}${search}`;
}

/** An address may be anything that somebody typed. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address, and the way to change its query in place. */
export function useAddress(): [Address, (query: Readonly<Record<string, string>>) => void] {
  const [address, setAddress] = useState(() => parseAddress(location.hash));
  useEffect(() => {
    const read = () => setAddress(parseAddress(location.hash));
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  const change = (query: Readonly<Record<string, string>>) => {
    const { path, query: before } = parseAddress(location.hash);
    const changed = { path, query: { ...before, ...query } };
    history.replaceState(history.state, "", addressOf(changed));
    setAddress(parseAddress(location.hash));
  };
  return [address, change];
}
