/**
 * The two cyclic redundancy checks that Node.js does not have, CRC-32C and CRC-64/NVME, eight bytes at a time; and the
 * check of two contents one behind the other from the checks of both, so that an upload of parts need not be read again.
 * @see https://reveng.sourceforge.io/crc-catalogue/all.htm
 */

/** Reflected polynomials. */
const CASTAGNOLI = 0x82f63b78;
const NVME = 0x9a6c9329ac4bc9b5n;

const LANES = 8;

/** Table k tells what a byte comes to k bytes later; all eight behind each other. */
const CRC32C_TABLES = new Uint32Array(LANES * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
  CRC32C_TABLES[byte] = crc >>> 0;
}
for (let index = 256; index < LANES * 256; index++) {
  const before = CRC32C_TABLES[index - 256] as number;
  CRC32C_TABLES[index] = (CRC32C_TABLES[before & 0xff] as number) ^ (before >>> 8);
}

/** In two halves of 32 bits: arithmetic with `bigint` would take seconds for a few MiB. */
const CRC64_HIGH = new Uint32Array(LANES * 256);
const CRC64_LOW = new Uint32Array(LANES * 256);
for (let index = 0; index < LANES * 256; index++) {
  let crc = BigInt(index & 0xff);
  for (let bit = 0; bit < 8 * (1 + (index >> 8)); bit++) crc = crc & 1n ? (crc >> 1n) ^ NVME : crc >> 1n;
  CRC64_HIGH[index] = Number(crc >> 32n);
  CRC64_LOW[index] = Number(crc & 0xffffffffn);
}

export class Crc32c {
  #crc = 0xffffffff;

  update(bytes: Uint8Array): void {
    const table = CRC32C_TABLES;
    let crc = this.#crc;
    let at = 0;
    for (const end = bytes.length - (LANES - 1); at < end; at += LANES) {
      crc ^= word(bytes, at);
      const next = word(bytes, at + 4);
      crc =
        (table[1792 + (crc & 0xff)] as number) ^
        (table[1536 + ((crc >>> 8) & 0xff)] as number) ^
        (table[1280 + ((crc >>> 16) & 0xff)] as number) ^
        (table[1024 + (crc >>> 24)] as number) ^
        (table[768 + (next & 0xff)] as number) ^
        (table[512 + ((next >>> 8) & 0xff)] as number) ^
        (table[256 + ((next >>> 16) & 0xff)] as number) ^
        (table[next >>> 24] as number);
    }
    for (; at < bytes.length; at++) crc = (table[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
    this.#crc = crc;
  }

  digest(): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(~this.#crc >>> 0);
    return bytes;
  }
}

export class Crc64Nvme {
  #high = 0xffffffff;
  #low = 0xffffffff;

  update(bytes: Uint8Array): void {
    const highs = CRC64_HIGH;
    const lows = CRC64_LOW;
    let high = this.#high;
    let low = this.#low;
    let at = 0;
    for (const end = bytes.length - (LANES - 1); at < end; at += LANES) {
      low ^= word(bytes, at);
      high ^= word(bytes, at + 4);
      const a = 1792 + (low & 0xff);
      const b = 1536 + ((low >>> 8) & 0xff);
      const c = 1280 + ((low >>> 16) & 0xff);
      const d = 1024 + (low >>> 24);
      const e = 768 + (high & 0xff);
      const f = 512 + ((high >>> 8) & 0xff);
      const g = 256 + ((high >>> 16) & 0xff);
      const h = high >>> 24;
      high = xor8(highs, a, b, c, d, e, f, g, h);
      low = xor8(lows, a, b, c, d, e, f, g, h);
    }
    for (; at < bytes.length; at++) {
      const index = (low ^ (bytes[at] as number)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (lows[index] as number);
      high = (high >>> 8) ^ (highs[index] as number);
    }
    this.#high = high;
    this.#low = low;
  }

  digest(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(~this.#high >>> 0, 0);
    bytes.writeUInt32BE(~this.#low >>> 0, 4);
    return bytes;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function xor8(
  table: Uint32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  g: number,
  h: number,
): number {
  return (
    (table[a] as number) ^
    (table[b] as number) ^
    (table[c] as number) ^
    (table[d] as number) ^
    (table[e] as number) ^
    (table[f] as number) ^
    (table[g] as number) ^
    (table[h] as number)
  );
}

/** Joins checks of one polynomial. */
class CrcJoiner {
  readonly #width: number;
  readonly #polynomial: bigint;
  /** How a check changes when so many zero bytes follow: parts are mostly of one length. */
  readonly #shifts = new Map<number, bigint>();

  constructor(width: 32 | 64, polynomial: bigint) {
    this.#width = width;
    this.#polynomial = polynomial;
  }

  /** @param secondLength bytes of the second content. */
  join(first: Buffer, second: Buffer, secondLength: number): Buffer {
    const joined = this.#multiply(this.#shift(secondLength), toInteger(first)) ^ toInteger(second);
    return Buffer.from(joined.toString(16).padStart(this.#width / 4, "0"), "hex");
  }

  /** x to the power of 8 × length, modulo the polynomial. */
  #shift(length: number): bigint {
    const known = this.#shifts.get(length);
    if (known !== undefined) return known;
    const one = 1n << BigInt(this.#width - 1);
    let square = one >> 1n;
    let power = one;
    for (let bits = BigInt(length) * 8n; bits > 0n; bits >>= 1n) {
      if (bits & 1n) power = this.#multiply(power, square);
      square = this.#multiply(square, square);
    }
    if (this.#shifts.size >= 100) this.#shifts.clear();
    this.#shifts.set(length, power);
    return power;
  }

  /** Multiplies polynomials over GF(2); the highest power stands in the lowest bit. */
  #multiply(a: bigint, b: bigint): bigint {
    let product = 0n;
    let factor = b;
    for (let bit = 1n << BigInt(this.#width - 1); bit > 0n; bit >>= 1n) {
      if (a & bit) product ^= factor;
      factor = factor & 1n ? (factor >> 1n) ^ this.#polynomial : factor >> 1n;
    }
    return product;
  }
}

function toInteger(crc: Buffer): bigint {
  return BigInt(`0x${crc.toString("hex")}`);
}

export const CRC_JOINERS = {
  CRC32: new CrcJoiner(32, 0xedb88320n),
  CRC32C: new CrcJoiner(32, BigInt(CASTAGNOLI)),
  CRC64NVME: new CrcJoiner(64, NVME),
} as const;
