/** A fleet of many hosts as Prometheus would scrape it, told by one server: most are well, and some of each trouble are among them. */

const HOUR = 3600;

/** Where in the fleet somebody is needed. */
export const TROUBLED = { silent: 137, failing: 411, critical: 650, surfaced: 777, low: 893, away: 512 };

export const nameOf = (index: number) => `ip-10-${index >> 8}-${index & 255}.ec2.internal:9822`;

/** @param hosts at least 900. @param scrapes how often it was asked: the silent one fell silent after a few. */
export function largeFleet(hosts: number, scrapes: number): string {
  const now = Date.now() / 1000;
  return Array.from({ length: hosts }, (_, index) => index)
    .filter((index) => index !== TROUBLED.silent || scrapes < 4)
    .map((index) => host(index, now, scrapes))
    .join("\n");
}

function host(index: number, now: number, scrapes: number): string {
  const of = `job="evertoken-agent",instance="${nameOf(index)}"`;
  const keeper = `${of},keeper="default",source="imds"`;
  const survival = survivalOf(index);
  const isAway = index === TROUBLED.away || index === TROUBLED.critical;
  const surfaced = index === TROUBLED.surfaced ? scrapes : 0;
  return `evertoken_build_info{${of},version="0.1.0",node_version="20.20.2"} 1
up{${of}} 1
evertoken_outage_survival_seconds{${keeper}} ${survival}
evertoken_credentials_expiration_timestamp_seconds{${keeper}} ${now + survival}
evertoken_credentials_received_timestamp_seconds{${keeper}} ${now + survival - 6 * HOUR}
evertoken_keeper_state{${of},keeper="default",state="fresh"} ${survival > HOUR ? 1 : 0}
evertoken_keeper_state{${of},keeper="default",state="advisory"} ${survival > 0 && survival <= HOUR ? 1 : 0}
evertoken_keeper_state{${of},keeper="default",state="expired"} ${survival > 0 ? 0 : 1}
evertoken_refresh_last_success_timestamp_seconds{${keeper}} ${now - (isAway ? HOUR : (index * 37) % 300)}
evertoken_refreshes_total{${of},keeper="default",outcome="failed",trigger="fresh"} ${isAway ? scrapes : 0}
evertoken_pool_stale_answers_total{${of},pool="default",service="S3",outcome="surfaced"} ${surfaced}
evertoken_pool_stale_answers_total{${of},pool="default",service="S3",outcome="replayed"} 0`;
}

function survivalOf(index: number): number {
  if (index === TROUBLED.failing) return 0;
  if (index === TROUBLED.critical) return 150;
  if (index === TROUBLED.low) return 40 * 60;
  return 5 * HOUR + ((index * 7919) % HOUR);
}
