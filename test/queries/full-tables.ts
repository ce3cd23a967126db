/**
 * Tables as full as those of an installation with many services, for the plans of statements. Made by sets, the same
 * each time: what statements compare with the present time lies at a fixed distance from it.
 */
import type { Client } from 'pg';

/** Number of services; what grows with them does so here. */
export const SERVICES = 20_000;
/** Numbers of definitions that do not grow with services. */
const SOURCES = 1_000;
const ACTIONS = 500;
const CONTACTS = 200;

const ago = (seconds: string): string => `now() - (${seconds}) * interval '1 second'`;
/** SQL: an id that follows from a number, in the order of numbers. */
const id = (kind: Kind, number: string): string =>
  `('${(0x01900000 + KINDS.indexOf(kind)).toString(16).padStart(8, '0')}-0000-7000-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`;

const KINDS = [
  'action',
  'alert',
  'contact',
  'decision',
  'execution',
  'grant',
  'infrastructure',
  'notice',
  'payload',
  'service',
  'session',
  'silence',
  'source',
  'token',
  'trigger',
  'user',
  'worker',
] as const;
type Kind = (typeof KINDS)[number];

/** SQL: one row for each number. */
const rows = (table: string, many: number, values: Readonly<Record<string, string>>, where = 'true') =>
  `INSERT INTO ${table} (${Object.keys(values).join(', ')})
   SELECT ${Object.values(values).join(', ')} FROM generate_series(1, ${Math.ceil(many)}) n WHERE ${where}`;

const VERSIONED = { version: '1', created_at: ago('n'), updated_at: ago('n') };
/** SQL: transaction that wrote a row; rows of one transaction are few. */
const WRITTEN = `(1000 + n / 3)::text::xid8`;
const token = (of: string): string => `sha256(('${of}' || n)::bytea)`;

/** Returns the statements that fill a migrated database. */
function fillingWith(services: number): string[] {
  const infrastructures = services / 10;
  const users = services / 4;
  const alerts = services * 5;
  const executions = services * 2.5;
  const triggers = services * 2;
  const service = id('service', `1 + n % ${services}`);
  const infrastructure = `1 + n % ${infrastructures}`;
  const source = `1 + n % ${SOURCES}`;
  const action = `1 + n % ${ACTIONS}`;
  return [
    rows('users', users, {
      id: id('user', 'n'),
      name: `'user-' || n`,
      ...VERSIONED,
      display_name: `'User ' || n`,
      groups: `ARRAY['group-' || n % 50]`,
      disabled: 'n % 50 = 0',
    }),
    rows('api_tokens', users, {
      id: id('token', 'n'),
      name: `'token-' || n`,
      token_hash: token('token'),
      user_id: id('user', 'n'),
      role: `'viewer'`,
      approve: 'false',
      created_at: ago('n'),
      expires_at: `now() + interval '90 days'`,
      last_used_at: ago('n'),
    }),
    rows('sessions', users * 2, {
      id: id('session', 'n'),
      token_hash: token('session'),
      user_id: id('user', `1 + n % ${users}`),
      created_at: ago('n * 20'),
      last_used_at: ago('n * 5'),
      expires_at: `now() + interval '7 days' - n * interval '20 seconds'`,
      address: `'192.0.2.1'`,
      agent: `'Firefox'`,
    }),
    rows('grants', users, {
      id: id('grant', 'n'),
      ...VERSIONED,
      user_id: `CASE WHEN n % 10 < 8 THEN ${id('user', 'n')} END`,
      group_name: `CASE WHEN n % 10 = 8 THEN 'group-' || n % 50 END`,
      token_id: `CASE WHEN n % 10 = 9 AND n > 9 THEN ${id('token', 'n')} END`,
      anonymous: 'n = 9',
      role: `'viewer'`,
      approve: 'false',
    }),
    rows('sign_in_limits', services / 2, {
      key: token('account'),
      most: '5',
      failed: `ARRAY[${ago('n')}]`,
      trying: `'{}'`,
      locked_until: ago('n - 600'),
      locks: '0',
      touched_at: ago('n'),
    }),
    rows('rights_changes', 1_000, { at: ago('n * 60'), written_by: WRITTEN }),
    rows('infrastructures', infrastructures, {
      id: id('infrastructure', 'n'),
      name: `'infrastructure-' || n`,
      description: `''`,
      labels: `jsonb_build_object('team', 'team-' || n % 20)`,
      min_nodes: '1',
      max_nodes: '10',
      up_wisdom_seconds: '300',
      down_wisdom_seconds: '300',
      warmup_seconds: '60',
      load_balancer: `CASE WHEN n % 2 = 0 THEN '{"type": "haproxy"}'::jsonb END`,
      ...VERSIONED,
    }),
    rows('infrastructure_states', infrastructures, { infrastructure_id: id('infrastructure', 'n') }),
    rows(
      'load_balancer_states',
      infrastructures,
      { infrastructure_id: id('infrastructure', 'n'), next_sync_at: ago('n % 60 - 59.5') },
      'n % 2 = 0',
    ),
    rows('actions', ACTIONS, {
      id: id('action', 'n'),
      name: `'action-' || n`,
      description: `''`,
      type: `'webhook'`,
      params: `'{}'`,
      timeout_seconds: '10',
      retry: `'{"attempts": 3, "backoffSeconds": 5, "maxBackoffSeconds": 60}'`,
      ...VERSIONED,
      concurrency: 'CASE WHEN n % 10 = 0 THEN 5 END',
      target_concurrency: 'CASE WHEN n % 10 = 0 THEN 5 END',
      target: `'target-' || n % 100`,
    }),
    rows('services', services, {
      id: id('service', 'n'),
      name: `'service-' || n`,
      description: `'of team ' || n % 20`,
      labels: `jsonb_build_object('team', 'team-' || n % 20, 'host', 'host-' || n)`,
      enabled: 'n % 20 <> 0',
      interval_seconds: '(ARRAY[10, 30, 60, 300])[1 + n % 4]',
      slot: '(n::bigint * 7919 % 16384)::int',
      polled: 'n % 10 <> 1',
      metrics: `CASE WHEN n % 4 = 1 THEN '{"alarm": {"type": "alert", "params": {"match": {}}}}'::jsonb
        ELSE '{"load": {"type": "snmp_oid", "params": {"host": "192.0.2.1", "oid": "1.3.6.1.2.1.1.3.0"}}}' END`,
      series: `jsonb_build_object('load', n * 100)`,
      condition: `'load > 90'`,
      hold_seconds: '60',
      wisdom_seconds: '300',
      repeat: 'true',
      missing_data: `'hold'`,
      infrastructure_id: id('infrastructure', infrastructure),
      direction: `'up'`,
      policy: `'{"type": "step", "params": {}}'`,
      action_ids: `ARRAY[${id('action', action)}]`,
      mode: `'active'`,
      approval_ttl_seconds: '3600',
      max_actions_per_hour: 'CASE WHEN n % 10 = 0 THEN 10 END',
      depends_on: `CASE WHEN n % 50 = 0 THEN jsonb_build_array(jsonb_build_object('service', ${id('service', 'n - 1')})) ELSE '[]' END`,
      ...VERSIONED,
    }),
    rows('service_actions', services, {
      service_id: id('service', 'n'),
      action_id: id('action', action),
    }),
    rows('service_states', services, {
      service_id: id('service', 'n'),
      state: `jsonb_build_object('phase', (ARRAY['ok', 'ok', 'ok', 'pending', 'alarm', 'unknown'])[1 + n % 6],
        'reason', (ARRAY['ok', 'ok', 'holding', 'holding', 'wisdom', 'not_polled'])[1 + n % 6], 'since', n)`,
      decision_id: id('decision', 'n'),
      next_moment: `CASE WHEN n % 10 < 2 THEN now() + n % 1000 * interval '1 second' END`,
    }),
    rows('changed_services', 100, { service_id: id('service', 'n'), version: '1', changed_at: ago('n') }),
    rows('counters', services / 2, {
      series: 'n * 100',
      service_id: id('service', 'n'),
      begins: `ARRAY[${ago('n')}]`,
    }),
    rows('polled_ranges', services / 100, {
      interval_seconds: '(ARRAY[10, 30, 60, 300])[1 + n % 4]',
      from_slot: 'n / 4 * 64',
      to_slot: 'n / 4 * 64 + 63',
      polled_at: ago('n % 10'),
    }),
    // The first of each service is the one that lasts.
    rows('decisions', services * 4, {
      id: id('decision', 'n'),
      service_id: id('service', `1 + (n - 1) % ${services}`),
      started_at: ago('n % 86400'),
      ended_at: `CASE WHEN n > ${services} THEN ${ago('n % 86400 - 60')} END`,
      phase: `(ARRAY['ok', 'ok', 'ok', 'pending', 'alarm', 'unknown'])[1 + n % 6]`,
      reason: `'ok'`,
      explanation: `'load is 50'`,
      metric_values: `'{"load": 50}'`,
      written_by: WRITTEN,
    }),
    rows('triggers', triggers, {
      id: id('trigger', 'n'),
      service_id: service,
      infrastructure_id: id('infrastructure', infrastructure),
      at: ago('n * 40'),
      direction: `'up'`,
      delta: '1',
      justification: `''`,
      still_to_come: '(n % 100 = 0)::int',
    }),
    rows('executions', executions, {
      id: id('execution', 'n'),
      trigger_id: id('trigger', `1 + n % ${triggers}`),
      service_id: service,
      service_name: `'service-' || 1 + n % ${services}`,
      action_id: id('action', action),
      action_name: `'action-' || ${action}`,
      status: `CASE WHEN n % 100 = 0 THEN 'queued' WHEN n % 200 = 1 THEN 'running' WHEN n % 200 = 3 THEN 'waiting'
        WHEN n % 500 = 7 THEN 'awaiting_approval' WHEN n % 50 = 9 THEN 'failed' WHEN n % 500 = 17 THEN 'unknown' ELSE 'succeeded' END`,
      justification: `''`,
      variables: `'{}'`,
      attempts: `'[{"startedAt": "2026-01-01T00:00:00Z", "outcome": "succeeded"}]'`,
      tries: '1',
      next_attempt_at: `CASE WHEN n % 100 = 0 OR n % 200 = 3 THEN now() + (n % 7000 - 200) * interval '1 second' END`,
      lease_owner: `CASE WHEN n % 200 = 1 THEN ${id('worker', 'n % 20')} END`,
      lease_until: `CASE WHEN n % 200 = 1 THEN now() + n % 20 * interval '1 second' END`,
      created_at: ago('n * 30'),
      started_at: `CASE WHEN n % 500 <> 7 THEN ${ago('n * 30')} END`,
      finished_at: `CASE WHEN n % 100 <> 0 AND n % 200 NOT IN (1, 3) AND n % 500 <> 7 THEN ${ago('n * 30 - 5')} END`,
      held: `CASE WHEN n % 1000 = 0 THEN '{"by": "action", "why": ""}'::jsonb END`,
      kind: `CASE WHEN n % 10 = 5 THEN 'notice' ELSE 'trigger' END`,
      written_by: WRITTEN,
    }),
    rows('sources', SOURCES, {
      id: id('source', 'n'),
      name: `'source-' || n`,
      format: `CASE WHEN n % 10 = 0 THEN 'snmp' ELSE 'native' END`,
      params: `'{}'`,
      token_hash: token('source'),
      ...VERSIONED,
      silent_after_seconds: 'CASE WHEN n % 20 = 0 THEN 600 END',
      services: `CASE WHEN n % 20 = 1 THEN ARRAY['service-' || n] END`,
    }),
    rows('source_states', SOURCES, { source_id: id('source', 'n'), last_seen_at: ago('n') }),
    rows('source_counts', SOURCES * 20, {
      source_id: id('source', source),
      at: ago(`n / ${SOURCES} * 10`),
      alerts: '10',
    }),
    rows('source_payloads', SOURCES * 20, {
      id: id('payload', 'n'),
      source_id: id('source', source),
      at: ago('n'),
      format: `'native'`,
      status: '202',
      payload: `'{}'`,
      alerts: '1',
      alert_ids: `ARRAY[${id('alert', 'n')}]`,
      errors: `'[]'`,
    }),
    // A third lives.
    rows('alerts', alerts, {
      id: id('alert', 'n'),
      source: `'source-' || ${source}`,
      format: `'native'`,
      dedup_key: `'key-' || n`,
      status: `CASE WHEN n % 3 = 0 THEN 'firing' ELSE 'resolved' END`,
      labels: `jsonb_build_object('host', 'host-' || n % ${services})`,
      annotations: `'{}'`,
      service_id: `CASE WHEN n % 2 = 0 THEN ${service} END`,
      metric: `CASE WHEN n % 2 = 0 THEN 'alarm' END`,
      at: ago(`(${alerts} - n) * 5`),
      ends_at: `CASE WHEN n % 3 <> 0 THEN ${ago(`(${alerts} - n) * 5 - 60`)} END`,
      life_seconds: '3600',
      received_at: ago(`(${alerts} - n) * 5`),
      last_seen_at: ago(`(${alerts} - n) * 5 % 3600`),
      is_current: 'n % 3 < 2',
      revision: '1',
      processed: '(n % 1000 <> 0)::int',
      content: `'content'`,
      written_by: WRITTEN,
    }),
    rows('alert_matches', alerts / 2, {
      alert_id: id('alert', 'n * 2'),
      service_id: id('service', `1 + n * 2 % ${services}`),
      metric: `'alarm'`,
    }),
    rows('trigger_alerts', triggers, { alert_id: id('alert', 'n'), trigger_id: id('trigger', 'n') }),
    rows('contacts', CONTACTS, {
      id: id('contact', 'n'),
      name: `'contact-' || n`,
      ...VERSIONED,
      description: `''`,
      labels: `'{}'`,
      action_id: id('action', action),
      events: `ARRAY['alarm', 'recovery']`,
      max_per_hour: '10',
      group_seconds: '30',
      blind_for_seconds: '300',
      asked_since: `'{}'`,
    }),
    rows('contact_states', CONTACTS, { contact_id: id('contact', 'n') }),
    rows('notices', services, {
      id: id('notice', 'n'),
      contact_id: id('contact', `1 + n % ${CONTACTS}`),
      event: `'alarm'`,
      object_id: 'n::text',
      occurrence: 'n::text',
      since: ago('n * 10'),
      noticed_at: ago('n * 10'),
      service_id: service,
      text: `''`,
      facts: `'{}'`,
      ended_at: `CASE WHEN n % 10 <> 0 THEN ${ago('n * 10 - 5')} END`,
      status: `CASE WHEN n % 200 = 0 THEN 'waiting' ELSE 'told' END`,
      is_due: 'n % 200 = 0',
      told_at: ago('n * 10'),
    }),
    rows('silences', services / 40, {
      id: id('silence', 'n'),
      ...VERSIONED,
      owner: `'user-' || n`,
      match: `jsonb_build_object('labels', jsonb_build_object('team', 'team-' || n % 20))`,
      mutes: `'actions'`,
      starts_at: ago('n * 600'),
      ends_at: ago('n * 600 - 7200'),
      reason: `''`,
      on_end: `'act'`,
      written_by: WRITTEN,
    }),
    rows('snmp_engines', services, {
      engine_id: `'8000' || lpad(to_hex(n), 12, '0')`,
      boots: '1',
      time: 'n',
      heard_at: ago('n * 10'),
      source_id: id('source', source),
      address: `'192.0.2.1'`,
    }),
    rows('forgotten_engines', services / 20, {
      engine_id: `'9000' || lpad(to_hex(n), 12, '0')`,
      forgotten_at: ago('n * 80'),
    }),
    rows('trap_refusals', 1_000, {
      address: `'192.0.2.' || n`,
      reason: `'unknown community'`,
      source_id: id('source', source),
      count: 'n',
      first_at: ago('n * 60'),
      last_at: ago('n'),
    }),
    rows('mibs', 50, { name: `'MIB-' || n`, definitions: `'{}'`, updated_at: ago('n') }),
    rows('definition_versions', services * 2, {
      kind: `'service'`,
      definition_id: service,
      version: `1 + n / ${services}`,
      at: ago('n'),
      definition: `'{}'`,
      names: `'{}'`,
    }),
    rows('definition_changes', services / 4, {
      revision: 'n',
      kind: `'service'`,
      id: id('service', 'n'),
      written_by: WRITTEN,
    }),
    rows('workers', 20, { id: id('worker', 'n'), seen_at: ago('n % 5') }),
    rows('processes', 20, {
      id: id('worker', 'n'),
      roles: `'{worker}'`,
      host: `'host'`,
      pid: 'n',
      started_at: ago('n'),
      seen_at: ago('n % 5'),
    }),
    ...['20260101', '20260102', '20260103'].flatMap((day) => [
      `CREATE TABLE samples_${day} PARTITION OF samples
       FOR VALUES FROM ('${day} 00:00Z') TO ('${day} 24:00Z')`,
      `INSERT INTO samples SELECT g, '${day} 00:00Z'::timestamptz + s * interval '10 minutes', ARRAY[g + s]::float8[]
       FROM generate_series(0, 23) s, generate_series(1, ${services / 10}) g`,
    ]),
  ];
}

/** Fills a migrated database. */
export async function fillTables(client: Client, services = SERVICES): Promise<void> {
  await client.query(`SET synchronous_commit = off`);
  for (const statement of fillingWith(services)) await client.query(statement);
}

/** Has PostgreSQL read all of the tables for its statistics, so that they are the same each time. */
export async function readTables(client: Client): Promise<void> {
  // A sample is 300 times as many rows: all of each table.
  await client.query('SET default_statistics_target = 400');
  await client.query('VACUUM ANALYZE');
}
