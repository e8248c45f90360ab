/** Attacks with the real thing: a browser on another origin, a proxy that forwards, ten thousand connections of another process. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { isMissing } from "../../../tools/real-tool.js";
import { eventually, folder, host, OWN, request } from "./host.js";

const CHROMIUM = "/usr/bin/chromium";
const NGINX = "/usr/sbin/nginx";

/** A name that an attacker's DNS points at loopback once the page is there. */
const REBOUND = "rebound.example";

/** Where the attacker's page comes from: this host, so that the browser's own guard of local networks does not step in. */
async function attackersPage(): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html", connection: "close" });
    response.end("<!doctype html><title>a page</title><body></body>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** What a page can make a browser send; each gives what the page could read of the answer. */
const BY_A_PAGE: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
  "fetch with a token, as an SDK asks": (url) =>
    fetch(url, { headers: { authorization: "guessed", "x-aws-ec2-metadata-token": "guessed" } }).then(
      (answer) => answer.text(),
      () => "nothing",
    ),
  "fetch in no-cors mode": (url) =>
    fetch(url, { mode: "no-cors", referrerPolicy: "no-referrer" }).then(
      (answer) => answer.text(),
      () => "nothing",
    ),
  "a session-token request": (url) =>
    fetch(url, { method: "PUT", headers: { "x-aws-ec2-metadata-token-ttl-seconds": "60" } }).then(
      (answer) => answer.text(),
      () => "nothing",
    ),
  "a form that posts": (url) => submitted(url, "POST"),
  "a form that gets": (url) => submitted(url, "GET"),
  "an image": (url) => added("img", { src: url, referrerPolicy: "no-referrer" }),
  "a script": (url) => added("script", { src: url, referrerPolicy: "no-referrer" }),
  "a style sheet": (url) => added("link", { rel: "stylesheet", href: url }),
  "a frame": (url) => added("iframe", { src: url, referrerPolicy: "no-referrer" }),
  "an object": (url) => added("object", { data: url }),
  "a web socket": (url) =>
    new Promise((resolve) => {
      const socket = new WebSocket(url.replace("http:", "ws:"));
      socket.onopen = () => resolve("AccessKeyId: it was opened");
      socket.onerror = () => resolve("nothing");
    }),
  "an event stream": (url) =>
    new Promise((resolve) => {
      const stream = new EventSource(url);
      stream.onmessage = ({ data }) => resolve(data);
      stream.onerror = () => {
        stream.close();
        resolve("nothing");
      };
    }),
  "a beacon": async (url) => String(navigator.sendBeacon(url, "a=1")),
  "a worker's script": (url) =>
    new Promise((resolve) => {
      const source = `try { importScripts(${JSON.stringify(url)}) } catch {} postMessage("nothing")`;
      new Worker(URL.createObjectURL(new Blob([source]))).onmessage = ({ data }) => resolve(data);
    }),
};
