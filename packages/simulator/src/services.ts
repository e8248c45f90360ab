/** The services that this simulator plays: a new one is named here, described in `gate/asked.ts`, and has all faults of the wire. */

export const SERVICES = ["imds", "container", "sts", "s3"] as const;

export type Service = (typeof SERVICES)[number];

/** As people write them. */
export const SERVICE_NAMES: Readonly<Record<Service, string>> = {
  imds: "IMDS",
  container: "the container endpoint",
  sts: "STS",
  s3: "S3",
};
