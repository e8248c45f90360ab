/**
 * JSON in the answers of small services. What comes instead (an error page, half a document, nothing) is told apart, because
 * its reader would look for the cause in different places. The text is never part of the error: it may hold half a secret.
 */

import { UnreadableAnswer } from "./small-http.js";

/** @throws UnreadableAnswer that says what came instead. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableAnswer(whatItIs(text.trim()));
  }
}

/** @throws UnreadableAnswer that says what came instead. */
export function parseJsonObject(text: string): Record<string, unknown> {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UnreadableAnswer("the answer is not a JSON object");
  }
  return value as Record<string, unknown>;
}

function whatItIs(text: string): string {
  const size = `${text.length} characters`;
  if (text === "") return "the answer is empty instead of JSON";
  if (text.startsWith("<"))
    return `the answer is not JSON but an HTML or XML page (${size}), as proxies and portals give`;
  if (/^[{[]/.test(text) && !/[}\]]$/.test(text)) return `the answer is JSON that is cut off after ${size}`;
  return `the answer is not JSON (${size})`;
}
