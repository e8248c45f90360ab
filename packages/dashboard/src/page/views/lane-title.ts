/** Lanes of the demo by the names that people know them by. */
export function laneTitle(name: string): string {
  if (name === "evertoken") return "Evertoken";
  return name === "stock" ? "Stock SDK" : name;
}
