/** What to put into the environment so that an AWS SDK, whichever, comes to this simulator for credentials and services. */

import { check } from "@evertoken/core";
import * as v from "valibot";
import type { IdentityTokens } from "./container/identity-token.js";
import type { ContainerService } from "./container/service.js";
import type { Endpoints } from "./endpoints.js";
import type { IssuedCredential } from "./ledger.js";

const WAYS = ["imds", "imds-ipv6", "ecs", "eks", "container", "web-identity", "user"] as const;

/**
 * By which way a program comes to its credentials: an EC2 instance's (`imds`, `imds-ipv6`), an ECS task's (`ecs`), EKS Pod
 * Identity with a token in a file (`eks`), a container endpoint with a fixed token (`container`), a web identity token in a
 * file that is exchanged at STS (`web-identity`), or the long-term access key of an IAM user (`user`).
 */
export type Via = (typeof WAYS)[number];

export interface EnvironmentOptions {
  /** Default: what the scenario says that is being played, or `imds`. */
  readonly via?: Via | undefined;
  /** Whose endpoints. Default: the first ones. */
  readonly client?: string | undefined;
}

export const via = v.picklist(WAYS, (issue) => `is ${String(issue.received)}: expected one of ${WAYS.join(", ")}`);

const schema = v.strictObject({
  via: v.optional(via),
  client: v.optional(v.string("must be text")),
});

/** @throws InvalidInputError for a way that is none. */
export function environmentSettings(options: string | EnvironmentOptions) {
  return check(schema, typeof options === "string" ? { client: options } : options, "environment");
}

export interface EnvironmentSources {
  readonly endpoints: Endpoints;
  /** Whether the ECS agent is where a relative URI leads. */
  readonly isLinkLocal: boolean;
  readonly region: string;
  readonly container: ContainerService;
  readonly tokens: IdentityTokens;
  readonly taskRoleArn: () => string;
  readonly userKey: () => IssuedCredential;
}

export function environmentOf(via: Via, sources: EnvironmentSources): Record<string, string> {
  const { endpoints, region } = sources;
  return {
    ...waysIn[via](sources),
    AWS_ENDPOINT_URL_S3: endpoints.s3Url,
    AWS_ENDPOINT_URL_STS: endpoints.stsUrl,
    AWS_REGION: region,
    // botocore knows this name alone.
    AWS_DEFAULT_REGION: region,
  };
}

const waysIn: Record<Via, (sources: EnvironmentSources) => Record<string, string>> = {
  imds: ({ endpoints }) => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoints.imdsUrl }),
  "imds-ipv6": ({ endpoints }) => ({
    AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoints.imdsIpv6Url ?? "",
    AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv6",
  }),
  // SDKs look for a relative URI at 169.254.170.2 only: elsewhere the full one leads to the same answer.
  ecs: ({ endpoints, container, isLinkLocal }) =>
    isLinkLocal
      ? { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: container.relativeUri }
      : { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoints.containerUrl}${container.relativeUri}` },
  eks: ({ endpoints, container, tokens }) => ({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoints.containerUrl}${container.podsPath}`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokens.file("pods.eks.amazonaws.com"),
  }),
  container: ({ endpoints, container }) => ({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoints.containerUrl}${container.othersPath}`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: container.fixedToken,
  }),
  "web-identity": ({ tokens, taskRoleArn }) => ({
    AWS_WEB_IDENTITY_TOKEN_FILE: tokens.file("sts.amazonaws.com"),
    AWS_ROLE_ARN: taskRoleArn(),
    AWS_ROLE_SESSION_NAME: "evertoken",
  }),
  user: ({ userKey }) => {
    const { accessKeyId, secretAccessKey } = userKey();
    return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  },
};
