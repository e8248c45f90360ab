/**
 * As much of DER as it takes to write a certificate and a signed message: tag, length, content.
 * @see https://www.itu.int/rec/T-REC-X.690
 */

export function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content), content]);
}

export const sequence = (...parts: readonly Uint8Array[]) => tagged(0x30, ...parts);

/** Members of a set stand in the order of their bytes. */
export const setOf = (...parts: readonly Uint8Array[]) => tagged(0x31, ...[...parts].sort(Buffer.compare));

/** Context-specific and constructed: `[number]`. */
export const context = (number: number, ...parts: readonly Uint8Array[]) => tagged(0xa0 | number, ...parts);

export const octets = (content: Uint8Array) => tagged(0x04, content);

/** A string of bits that fills its bytes. */
export const bits = (content: Uint8Array) => tagged(0x03, Buffer.of(0), content);

export const text = (content: string) => tagged(0x0c, Buffer.from(content, "utf8"));

export const NOTHING = tagged(0x05);

/** Not negative. */
export function integer(value: bigint | number): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  // The first bit is the sign.
  return (bytes[0] ?? 0) > 0x7f ? tagged(0x02, Buffer.of(0), bytes) : tagged(0x02, bytes);
}

/** An object identifier in its dotted form. */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of others) {
    const groups = [arc & 0x7f];
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(0x06, Buffer.from(bytes));
}

/** Two digits for the year up to 2049, four from then on, as X.509 has it. */
export function time(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replace(/\D/g, "").slice(0, 14);
  const year = Number(digits.slice(0, 4));
  return year < 2050 ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`)) : tagged(0x18, Buffer.from(`${digits}Z`));
}

function lengthOf({ length }: Uint8Array): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes]);
}
