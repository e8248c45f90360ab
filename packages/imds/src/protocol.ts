/**
 * The words of the EC2 instance metadata service, version 2 (IMDSv2), in one place.
 *
 * One PUT opens a session and gives a session token; every GET carries that token:
 *
 *     PUT /latest/api/token      x-aws-ec2-metadata-token-ttl-seconds: 21600   → 200, the token
 *     GET /latest/meta-data/…    x-aws-ec2-metadata-token: <token>             → 200, the value
 *
 * A GET with a missing, unknown or expired token is answered 401 with an empty body.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */
export const imdsProtocol = {
  tokenPath: "/latest/api/token",
  tokenHeader: "x-aws-ec2-metadata-token",
  tokenTtlHeader: "x-aws-ec2-metadata-token-ttl-seconds",
  /** Six hours: the longest session that IMDS grants. */
  maxTokenTtlSeconds: 21_600,
  /** Lists the role that is attached to the instance; with the role's name behind it: its credentials. */
  rolePath: "/latest/meta-data/iam/security-credentials/",
  /** The same with the account id; not on every host. */
  extendedRolePath: "/latest/meta-data/iam/security-credentials-extended/",
  ipv4Endpoint: "http://169.254.169.254",
  ipv6Endpoint: "http://[fd00:ec2::254]",
} as const;
