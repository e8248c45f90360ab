/** Instants as AWS prints them: whole seconds with a Z. botocore switches rules of its own off when they have fractions. */
export function instant(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}
