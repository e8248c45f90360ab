import { describe, expect, it } from "vitest";
import { EXIT } from "../src/command.js";
import { evertoken } from "./command.js";

const PORTS = ["--imds-port", "0", "--s3-port", "0"];

describe("an error about what was typed", () => {
  it.each([
    [["simulate", ...PORTS, "--data", "/etc"], "evertoken simulate: --data /etc is a folder of other files"],
    [["simulate", ...PORTS, "--journal", "/not/there"], "evertoken simulate: --journal cannot be written: ENOENT"],
    [["simulate", ...PORTS, "--role", "a b"], 'evertoken simulate: --role is "a b": expected 1 to 64 of'],
    [["simulate", ...PORTS, "--region", "a b"], 'evertoken simulate: --region is "a b": expected the name of a region'],
    [["simulate", ...PORTS, "--rotation", "400"], "--rotation is 400: expected at most --lifetime (360 minutes)"],
    [
      ["simulate", ...PORTS, "--rotation", "90", "--lifetime", "30"],
      "--rotation is 90: expected at most --lifetime (30 minutes)",
    ],
    [["agent", "--host", "0.0.0.0"], 'evertoken agent: --host is "0.0.0.0", which others can reach'],
    [["dashboard", "--prometheus", "nope"], 'evertoken dashboard: --prometheus is "nope": expected http(s)://'],
    [["bench", "run", "pool", "--bucket", "b"], "evertoken bench run: --bucket is given, but the target is discard"],
    [
      ["bench", "compare", "pool", "pool+fast", "--case", "head", "head"],
      "evertoken bench compare: --case head is given twice",
    ],
  ])("%j names the flag", async (args, said) => {
    const command = evertoken(args);

    expect(await command.ended).toBe(EXIT.usage);
    expect(command.printed()).toContain(said);
  });

  it("names a flag that was not typed, if that is what is missing", async () => {
    const command = evertoken(["bench", "run", "pool", "--target", "http://127.0.0.1:1"]);

    expect(await command.ended).toBe(EXIT.usage);
    expect(command.printed()).toContain("evertoken bench run: --bucket is missing");
  });
});
