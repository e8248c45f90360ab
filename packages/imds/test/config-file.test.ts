import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidInputError } from "@evertoken/core";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ImdsOptions } from "../src/options.js";
import { imdsSettings } from "../src/settings.js";

/** The settings that follow from a shared config file of these lines. */
async function settingsOf(lines: string[], options: ImdsOptions = {}, environment: NodeJS.ProcessEnv = {}) {
  const folder = mkdtempSync(join(tmpdir(), "evertoken-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "config");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return imdsSettings(options, { AWS_CONFIG_FILE: file, ...environment }).complete();
}

describe("the shared config file", () => {
  it("says what neither option nor environment says", async () => {
    const settings = await settingsOf([
      "[default]",
      "ec2_metadata_service_endpoint = http://127.0.0.1:1338/",
      "metadata_service_timeout = 2.5",
      "metadata_service_num_attempts = 5",
      "ec2_instance_profile_name = mine",
      "ec2_metadata_v1_disabled = true",
    ]);

    expect(settings).toMatchObject({
      endpoint: "http://127.0.0.1:1338",
      timeoutMs: 2500,
      attempts: 5,
      instanceProfileName: "mine",
    });
  });

  it("gives way to the environment, and both to an option", async () => {
    const lines = ["[default]", "metadata_service_timeout = 2", "metadata_service_num_attempts = 2"];
    const environment = { AWS_METADATA_SERVICE_TIMEOUT: "3", AWS_METADATA_SERVICE_NUM_ATTEMPTS: "3" };

    expect(await settingsOf(lines, { attempts: 4 }, environment)).toMatchObject({ timeoutMs: 3000, attempts: 4 });
  });

  it.each([
    ["by option", { profile: "other" }, {}],
    ["by environment", {}, { AWS_PROFILE: "other" }],
  ])("is read at the profile that is named %s", async (_, options, environment) => {
    const lines = ["[default]", "metadata_service_timeout = 2", "[profile other]", "metadata_service_timeout = 7"];

    expect((await settingsOf(lines, options, environment)).timeoutMs).toBe(7000);
  });

  it("chooses the IPv6 endpoint", async () => {
    const settings = await settingsOf(["[default]", "ec2_metadata_service_endpoint_mode = IPv6"]);

    expect(settings.endpoint).toBe("http://[fd00:ec2::254]");
  });

  it("is found in the home folder, and may be missing", async () => {
    expect(await imdsSettings({}, { HOME: "/nowhere" }).complete()).toMatchObject({ timeoutMs: 1000 });
  });

  it.each([
    ["metadata_service_timeout = abc", "metadata_service_timeout=abc expected seconds > 0"],
    ["metadata_service_num_attempts = 0", "metadata_service_num_attempts=0 expected a whole number"],
    ["ec2_metadata_service_endpoint = imds", "ec2_metadata_service_endpoint=imds expected http://"],
    ["ec2_metadata_v1_disabled = no", "ec2_metadata_v1_disabled=no expected true or false"],
    ["ec2_instance_profile_name = a/b", "ec2_instance_profile_name=a/b expected the name"],
    ["ec2_metadata_service_endpoint_mode = 4", "ec2_metadata_service_endpoint_mode=4 expected IPv4 or IPv6"],
  ])("with a bad value (%s) is refused, with file and profile named", async (line, says) => {
    const settings = settingsOf(["[default]", line]);

    await expect(settings).rejects.toThrow(InvalidInputError);
    await expect(settings).rejects.toThrow(says);
    await expect(settings).rejects.toThrow(/profile default in .*config/);
  });
});
