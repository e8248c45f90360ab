/**
 * What is measured: every metric with its meaning, unit and labels, in one table. `docs/metrics.md` is checked against it,
 * and it against what a scrape gives.
 *
 * Instruments bear the names that Prometheus is to see, units and `_total` included, because exporters differ in what they
 * add: so a metric is called the same by every road. Instants are absolute, lengths in seconds.
 * @see https://prometheus.io/docs/practices/naming/
 * @see https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
 */

type Kind = "gauge" | "counter" | "observable-counter" | "histogram";

export interface Metric {
  readonly name: string;
  readonly kind: Kind;
  /** UCUM; absent where it would say nothing. */
  readonly unit?: string;
  readonly labels: readonly string[];
  readonly description: string;
}

const KEEPER = ["keeper", "source"] as const;

export const METRICS = {
  expiration: {
    name: "evertoken_credentials_expiration_timestamp_seconds",
    kind: "gauge",
    unit: "s",
    labels: KEEPER,
    description: "When the credentials held expire. Absent for those that do not.",
  },
  received: {
    name: "evertoken_credentials_received_timestamp_seconds",
    kind: "gauge",
    unit: "s",
    labels: KEEPER,
    description: "When the credentials held were received.",
  },
  lastRotation: {
    name: "evertoken_credentials_last_rotation_timestamp_seconds",
    kind: "gauge",
    unit: "s",
    labels: KEEPER,
    description: "When the source last gave other credentials than before. Absent until it has.",
  },
  rejections: {
    name: "evertoken_credentials_rejections_total",
    kind: "counter",
    unit: "{rejection}",
    labels: ["keeper"],
    description: "Times that a service refused the credentials held.",
  },
  survival: {
    name: "evertoken_outage_survival_seconds",
    kind: "gauge",
    unit: "s",
    labels: KEEPER,
    description: "How long until requests would start to fail if the source of credentials went away now.",
  },
  state: {
    name: "evertoken_keeper_state",
    kind: "gauge",
    labels: ["keeper", "state"],
    description: "1 for the state that the credentials held are in, 0 for the others.",
  },
  skew: {
    name: "evertoken_clock_skew_seconds",
    kind: "gauge",
    unit: "s",
    labels: ["keeper"],
    description: "How far this host's clock is behind (+) or ahead (-) of AWS's, by the answers of IMDS and services.",
  },
  refreshes: {
    name: "evertoken_refreshes_total",
    kind: "counter",
    unit: "{refresh}",
    labels: ["keeper", "outcome", "trigger"],
    description: "Times that the source of credentials was asked.",
  },
  refreshDuration: {
    name: "evertoken_refresh_duration_seconds",
    kind: "histogram",
    unit: "s",
    labels: ["keeper", "outcome"],
    description: "How long the source of credentials took to answer, its attempts included.",
  },
  lastRefresh: {
    name: "evertoken_refresh_last_success_timestamp_seconds",
    kind: "gauge",
    unit: "s",
    labels: KEEPER,
    description: "When the source of credentials last answered.",
  },
  imdsRequests: {
    name: "evertoken_imds_requests_total",
    kind: "counter",
    unit: "{request}",
    labels: ["client", "category", "status", "error"],
    description: "Requests to IMDS, each attempt counted.",
  },
  imdsRequestDuration: {
    name: "evertoken_imds_request_duration_seconds",
    kind: "histogram",
    unit: "s",
    labels: ["client", "category"],
    description: "How long IMDS took to answer an attempt, or the attempt to fail.",
  },
  sessionTokenExpiration: {
    name: "evertoken_imds_session_token_expiration_timestamp_seconds",
    kind: "gauge",
    unit: "s",
    labels: ["client"],
    description: "When the session token held for IMDS expires. Absent while none is held.",
  },
  members: {
    name: "evertoken_pool_members",
    kind: "gauge",
    unit: "{member}",
    labels: ["pool", "state"],
    description: "Clients of a pool: ready for requests, ejected for a while, leaving after their last request.",
  },
  membersLimit: {
    name: "evertoken_pool_members_limit",
    kind: "gauge",
    unit: "{member}",
    labels: ["pool"],
    description: "How many clients a pool may have.",
  },
  inFlight: {
    name: "evertoken_pool_requests_in_flight",
    kind: "gauge",
    unit: "{request}",
    labels: ["pool"],
    description: "Requests and leases of a pool that are under way.",
  },
  queued: {
    name: "evertoken_pool_requests_queued",
    kind: "gauge",
    unit: "{request}",
    labels: ["pool"],
    description: "Requests and leases that wait for a client with room.",
  },
  ejections: {
    name: "evertoken_pool_ejections_total",
    kind: "counter",
    unit: "{ejection}",
    labels: ["pool", "reason"],
    description: "Times that a client was kept from requests because it failed where the others did not.",
  },
  replays: {
    name: "evertoken_pool_replays_total",
    kind: "counter",
    unit: "{request}",
    labels: ["pool", "service", "reason"],
    description: "Requests sent once more after the service refused them for stale credentials or a wrong clock.",
  },
  staleAnswers: {
    name: "evertoken_pool_stale_answers_total",
    kind: "counter",
    unit: "{answer}",
    labels: ["pool", "service", "outcome"],
    description: "Answers that mean stale credentials: replayed unseen by the caller, or surfaced to it.",
  },
  requestDuration: {
    name: "evertoken_pool_request_duration_seconds",
    kind: "histogram",
    unit: "s",
    labels: ["pool", "service", "operation", "lane", "outcome"],
    description: "How long requests took, waiting and replay included.",
  },
  linkLocalDrops: {
    name: "evertoken_host_linklocal_packets_dropped_total",
    kind: "observable-counter",
    unit: "{packet}",
    labels: ["interface"],
    description: "Packets to IMDS, DNS and NTP beyond 1024 a second that EC2 dropped, where the driver tells.",
  },
  troubleStart: {
    name: "evertoken_agent_trouble_start_timestamp_seconds",
    kind: "gauge",
    unit: "s",
    labels: ["about"],
    description: "Since when the agent cannot write something although it serves. Absent while it can.",
  },
  build: {
    name: "evertoken_build_info",
    kind: "gauge",
    labels: ["version", "node_version"],
    description: "1, with the version of Evertoken and of Node.js.",
  },
} as const satisfies Record<string, Metric>;

export type MetricKey = keyof typeof METRICS;
