/** The services that this simulator plays. */

/** Those that faults strike: a new one is named here, described in `gate/asked.ts`, and has all faults of the wire. */
export const SERVICES = ["imds", "s3"] as const;

export type Service = (typeof SERVICES)[number];

export type PlayedService = Service | "container" | "sts";

/** As people write them. */
export const SERVICE_NAMES: Readonly<Record<PlayedService, string>> = {
  imds: "IMDS",
  s3: "S3",
  container: "container credentials",
  sts: "STS",
};
