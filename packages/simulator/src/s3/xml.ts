/** XML as S3 speaks it: written here, read by a library. */

import type { XMLParser } from "fast-xml-parser";
import { fastXmlParser } from "../lazily.js";

type XmlValue = string | number | boolean | XmlFields | readonly XmlFields[] | undefined;
export interface XmlFields {
  readonly [name: string]: XmlValue;
}

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

/** A whole document with S3's namespace on its root. */
export function document(root: string, fields: XmlFields): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} ${NAMESPACE}>${children(fields)}</${root}>`;
}

/** An element of fields; a list becomes one element for each of its members. */
export function element(name: string, fields: XmlFields): string {
  return `<${name}>${children(fields)}</${name}>`;
}

function children(fields: XmlFields): string {
  let text = "";
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) text += value.map((member) => element(name, member as XmlFields)).join("");
    else if (typeof value === "object") text += element(name, value as XmlFields);
    else text += `<${name}>${escapeText(String(value))}</${name}>`;
  }
  return text;
}

/** Control characters become references: most cannot stand in XML 1.0 even so, and S3 prints them all the same. */
function escapeText(text: string): string {
  if (!/[&<>"\p{Cc}]/u.test(text)) return text;
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(/\p{Cc}/gu, (character) => `&#x${character.charCodeAt(0).toString(16)};`);
}

/** Texts stay as they are: keys may begin with spaces, or hold line ends, which travel as numbers (`&#xA;`). */
const PARSING = {
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  isArray: (name: string) => name === "Part" || name === "Object" || name === "Tag",
} as const;

let parser: XMLParser | undefined;

/** The fields below the root element of that name; undefined when the text is something else. */
export function parseDocument(text: string, root: string): Readonly<Record<string, unknown>> | undefined {
  const library = fastXmlParser();
  parser ??= new library.XMLParser(PARSING);
  // Nothing that S3 takes has a document type, which could make much of little.
  if (library.XMLValidator.validate(text) !== true || /<!DOCTYPE/i.test(text)) return undefined;
  let value: unknown;
  try {
    value = parser.parse(text)[root];
  } catch {
    // Names that the parser refuses: `__proto__`.
    return undefined;
  }
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

/** The elements of that name below another: none is an empty list. */
export function list(parent: unknown, name: string): Readonly<Record<string, unknown>>[] {
  if (typeof parent !== "object" || parent === null || !Object.hasOwn(parent, name)) return [];
  const elements = (parent as Record<string, unknown>)[name];
  return (Array.isArray(elements) ? elements : [elements]).map((element) =>
    typeof element === "object" && element !== null ? (element as Record<string, unknown>) : {},
  );
}
