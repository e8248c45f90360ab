import { InvalidInputError } from "@evertoken/core";
import { describe, expect, it } from "vitest";
import { imdsSettings as settingsOf } from "../src/settings.js";

const imdsSettings = (...args: Parameters<typeof settingsOf>) => settingsOf(...args).known;

describe("settings of an IMDS client", () => {
  it("have defaults", () => {
    expect(imdsSettings({}, {})).toMatchObject({
      endpoint: "http://169.254.169.254",
      timeoutMs: 1000,
      attempts: 3,
      tokenTtlSeconds: 21_600,
      disabled: false,
    });
  });

  it("come from the environment that every AWS SDK knows", () => {
    const environment = {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1338/imds/",
      AWS_METADATA_SERVICE_TIMEOUT: "2.5",
      AWS_METADATA_SERVICE_NUM_ATTEMPTS: "5",
      AWS_EC2_METADATA_DISABLED: "TRUE",
    };

    expect(imdsSettings({}, environment)).toMatchObject({
      endpoint: "http://127.0.0.1:1338/imds",
      timeoutMs: 2500,
      attempts: 5,
      disabled: true,
    });
  });

  it("listen at the IPv6 address when that is asked for, in any case of letters", () => {
    expect(imdsSettings({}, { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "ipv6" }).endpoint).toBe(
      "http://[fd00:ec2::254]",
    );
    expect(imdsSettings({ endpointMode: "IPv6" }, {}).endpoint).toBe("http://[fd00:ec2::254]");
  });

  it("prefer an option to the environment", () => {
    const environment = { AWS_METADATA_SERVICE_TIMEOUT: "9", AWS_EC2_METADATA_DISABLED: "true" };

    expect(imdsSettings({ timeoutMs: 300, disabled: false }, environment)).toMatchObject({
      timeoutMs: 300,
      disabled: false,
    });
  });

  it("take an empty variable for an absent one", () => {
    expect(imdsSettings({}, { AWS_METADATA_SERVICE_TIMEOUT: "", AWS_EC2_METADATA_DISABLED: " " }).timeoutMs).toBe(1000);
  });

  it.each([
    ["AWS_METADATA_SERVICE_TIMEOUT", "abc", "seconds > 0"],
    ["AWS_METADATA_SERVICE_TIMEOUT", "-1", "seconds > 0"],
    ["AWS_METADATA_SERVICE_NUM_ATTEMPTS", "0", "a whole number from 1 to 100"],
    ["AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1.5", "a whole number from 1 to 100"],
    ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254", "http://host[:port][/path]"],
    ["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5", "IPv4 or IPv6"],
    ["AWS_EC2_METADATA_DISABLED", "yes", "true or false"],
    ["AWS_EC2_METADATA_V1_DISABLED", "ture", "true or false"],
    ["AWS_EC2_INSTANCE_PROFILE_NAME", "my/profile", "the name of an instance profile"],
  ])("refuse %s=%s with its source named", (name, value, expected) => {
    expect(() => imdsSettings({}, { [name]: value })).toThrow(`environment: ${name}=${value} expected ${expected}`);
  });

  it.each([
    [{ timeoutMs: 0 }, "timeoutMs is 0"],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, "timeoutMs must be a finite"],
    [{ attempts: 2.5 }, "attempts is 2.5"],
    [{ endpoint: "ftp://imds" }, "endpoint is"],
    [{ tokenTtlSeconds: 21_601 }, "tokenTtlSeconds is 21601"],
    [{ endpointMode: "ipv4" }, "endpointMode must be"],
    [{ timeout: 5 }, "timeout"],
  ])("refuse the option %j", (options, says) => {
    expect(() => imdsSettings(options as never, {})).toThrow(InvalidInputError);
    expect(() => imdsSettings(options as never, {})).toThrow(says);
  });
});
