/**
 * `multipart/form-data`, taken apart as it comes in: fields first, then one file, whose bytes are passed on and not kept.
 * What comes behind the file is not looked at, as S3 has it.
 */

import { S3Error } from "./errors.js";

/** Of everything before the file: fields, with their names. */
const MOST_BYTES_BEFORE_FILE = 20_480;

/** Heads of parts: names of fields and files. */
const LONGEST_HEAD_BYTES = 4096;

export interface FormFile {
  readonly name: string;
  readonly contentType: string | undefined;
}

export class MultipartForm {
  /** By lower-case name. */
  readonly fields = new Map<string, string>();
  readonly #delimiter: Buffer;
  readonly #onFile: (file: FormFile) => void;
  readonly #onData: (data: Buffer) => Promise<void> | undefined;
  #state: "preamble" | "head" | "field" | "file" | "behind" = "preamble";
  #rest: Buffer = Buffer.alloc(0);
  #fieldName = "";
  #bytesBeforeFile = 0;

  /**
   * @param onFile told when the fields are complete and the file begins.
   * @throws S3Error when the type is not that of a form.
   */
  constructor(
    contentType: string | undefined,
    onFile: (file: FormFile) => void,
    onData: (data: Buffer) => Promise<void> | undefined,
  ) {
    const [, quoted, plain] =
      /^multipart\/form-data;.*boundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/is.exec(contentType ?? "") ?? [];
    const boundary = quoted ?? plain;
    if (boundary === undefined) {
      throw new S3Error("PreconditionFailed", {
        message: "At least one of the pre-conditions you specified did not hold",
        Condition: "Bucket POST must be of the enclosure-type multipart/form-data",
      });
    }
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
    this.#onFile = onFile;
    this.#onData = onData;
    // The first delimiter may begin the body.
    this.#rest = Buffer.from("\r\n");
  }

  push(bytes: Buffer): Promise<void> | undefined {
    if (this.#state === "behind") return undefined;
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let busy: Promise<void> | undefined;
    for (let went = true; went; ) {
      const before: number = this.#rest.length;
      const state = this.#state;
      busy = this.#step() ?? busy;
      went = this.#state !== state || (this.#rest.length !== before && this.#rest.length > 0);
    }
    return busy;
  }

  /** @throws S3Error when the form did not come to its end, or had no file. */
  end(): void {
    if (this.#state === "behind") return;
    if (this.#state === "file" || this.#state === "field" || this.#state === "head")
      throw new S3Error("MalformedPOSTRequest");
    throw noFile();
  }

  #step(): Promise<void> | undefined {
    switch (this.#state) {
      case "preamble":
        this.#skipTo(LONGEST_HEAD_BYTES);
        return undefined;
      case "head":
        this.#head();
        return undefined;
      case "field":
        this.#field();
        return undefined;
      case "file":
        return this.#file();
      case "behind":
        this.#rest = Buffer.alloc(0);
        return undefined;
    }
  }

  #skipTo(most: number): void {
    const at = this.#rest.indexOf(this.#delimiter);
    if (at >= 0) this.#behindDelimiter(at);
    else if (this.#rest.length > most) throw new S3Error("MalformedPOSTRequest");
  }

  #behindDelimiter(at: number): void {
    this.#rest = this.#rest.subarray(at + this.#delimiter.length);
    this.#state = "head";
  }

  /** `--` behind a delimiter is the end of the form. */
  #head(): void {
    const ending = this.#rest.toString("latin1", 0, 2);
    if (ending === "--") throw noFile();
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.#rest.length > LONGEST_HEAD_BYTES) throw new S3Error("MalformedPOSTRequest");
      return;
    }
    const head = this.#rest.toString("utf8", 0, end);
    const [, name] = /^content-disposition:\s*form-data;.*?\bname="([^"]*)"/im.exec(head) ?? [];
    if (name === undefined) throw new S3Error("MalformedPOSTRequest");
    this.#count(end);
    this.#rest = this.#rest.subarray(end + 4);
    this.#fieldName = name.toLowerCase();
    if (this.#fieldName !== "file") {
      this.#state = "field";
      return;
    }
    this.#state = "file";
    const [, fileName = ""] = /\bfilename="([^"]*)"/i.exec(head) ?? [];
    const [, contentType] = /^content-type:\s*(.*?)\s*$/im.exec(head) ?? [];
    this.#onFile({ name: fileName, contentType });
  }

  #field(): void {
    const at = this.#rest.indexOf(this.#delimiter);
    if (at < 0) {
      if (this.#bytesBeforeFile + this.#rest.length > MOST_BYTES_BEFORE_FILE) throw tooMuchBeforeFile();
      return;
    }
    this.#count(at);
    this.fields.set(this.#fieldName, this.#rest.toString("utf8", 0, at));
    this.#behindDelimiter(at);
  }

  #count(bytes: number): void {
    this.#bytesBeforeFile += bytes;
    if (this.#bytesBeforeFile > MOST_BYTES_BEFORE_FILE) throw tooMuchBeforeFile();
  }

  #file(): Promise<void> | undefined {
    const at = this.#rest.indexOf(this.#delimiter);
    // The end of what is here may be the beginning of a delimiter.
    const safe = at >= 0 ? at : this.#rest.length - this.#delimiter.length + 1;
    if (safe < 0 || (safe === 0 && at < 0)) return undefined;
    const data = this.#rest.subarray(0, safe);
    if (at >= 0) {
      this.#state = "behind";
      this.#rest = Buffer.alloc(0);
    } else this.#rest = this.#rest.subarray(safe);
    return data.length === 0 ? undefined : this.#onData(data);
  }
}

function tooMuchBeforeFile(): S3Error {
  return new S3Error("MaxPostPreDataLengthExceededError");
}

function noFile(): S3Error {
  return new S3Error("InvalidArgument", {
    message: "POST requires exactly one file upload per request.",
    ArgumentName: "file",
    ArgumentValue: "0",
  });
}
