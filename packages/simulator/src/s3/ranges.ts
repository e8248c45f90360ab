/** The `Range` of a GET, and that of a part that is copied. */

import { S3Error } from "./errors.js";

/** First and last byte; undefined for the whole, also when the header is none that S3 knows (several ranges, say). */
export function rangeOf(header: string | undefined, size: number): readonly [first: number, last: number] | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (parts === null || (parts[1] === "" && parts[2] === "")) return undefined;
  const [, from = "", to = ""] = parts;
  const first = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== "" && to !== "" && Number(to) < Number(from)) return undefined;
  if (first >= size || (from === "" && Number(to) === 0)) {
    throw new S3Error("InvalidRange", { RangeRequested: header, ActualObjectSize: String(size) });
  }
  return [first, last];
}

/** Unlike the range of a GET it must lie within the source, with both ends named. */
export function copiedRange(header: string | undefined, size: number): readonly [first: number, last: number] {
  if (header === undefined) return [0, size - 1];
  const [, first = Number.NaN, last = Number.NaN] = (/^bytes=(\d+)-(\d+)$/.exec(header) ?? []).map(Number);
  if (first <= last && last < size) return [first, last];
  throw new S3Error("InvalidArgument", {
    message: `Range specified is not valid for source object of size: ${size}`,
    ArgumentName: "x-amz-copy-source-range",
    ArgumentValue: header,
  });
}
