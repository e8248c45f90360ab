import type { Time } from "../browser-time.js";

export function FleetPage(_: { readonly time: Time }) {
  return <main class="waiting" />;
}
