import { newId } from '../common/ids';
import { ServiceRow } from '../database/entities';
import type { Sql } from '../database/sql-pool';

/** Service that a rehearsal evaluates, and its action: rows that are written in a transaction that is undone. */

export const METRIC = 'breach';

/** Columns that say what the service is; all others have defaults, or may be empty. */
const COLUMNS: Readonly<Record<string, (service: ServiceRow) => unknown>> = {
  id: ({ id }) => id,
  name: ({ name }) => name,
  description: ({ description }) => description,
  labels: ({ labels }) => labels,
  enabled: ({ enabled }) => enabled,
  interval_seconds: ({ intervalSeconds }) => intervalSeconds,
  slot: ({ slot }) => slot,
  polled: ({ polled }) => polled,
  metrics: ({ metrics }) => metrics,
  series: ({ series }) => series,
  condition: ({ condition }) => condition,
  hold_seconds: ({ holdSeconds }) => holdSeconds,
  wisdom_seconds: ({ wisdomSeconds }) => wisdomSeconds,
  repeat: ({ repeat }) => repeat,
  missing_data: ({ missingData }) => missingData,
  policy: ({ policy }) => policy,
  action_ids: ({ actionIds }) => actionIds,
  mode: ({ mode }) => mode,
  approval_ttl_seconds: ({ approvalTtlSeconds }) => approvalTtlSeconds,
  created_at: ({ createdAt }) => createdAt,
  updated_at: ({ updatedAt }) => updatedAt,
  version: ({ version }) => version,
};

/** Returns a service of a name that nobody has, whose rule breaches with its first alert. */
export function rehearsedService(now: Date): ServiceRow {
  const id = newId();
  return Object.assign(new ServiceRow(), {
    id,
    name: `rehearsal-${id}`,
    description: '',
    labels: {},
    version: 1,
    createdAt: now,
    updatedAt: now,
    enabled: true,
    intervalSeconds: 60,
    slot: 0,
    polled: false,
    metrics: { [METRIC]: { type: 'alert', params: { match: { rehearsal: id } }, timeoutSeconds: 5 } },
    series: {},
    condition: `${METRIC} == 1`,
    recovery: null,
    holdSeconds: 0,
    wisdomSeconds: 60,
    repeat: false,
    missingData: 'hold' as const,
    infrastructureId: null,
    direction: null,
    policy: { type: 'fixed', params: {} },
    actionIds: [newId()],
    escalations: [],
    expect: null,
    recoveryActionIds: [],
    mode: 'auto' as const,
    approvalTtlSeconds: 60,
    approvalByOther: false,
    approvalActionIds: [],
    maxActionsPerHour: null,
    dependsOn: [],
  });
}

const INSERT_SERVICE = `INSERT INTO services (${Object.keys(COLUMNS).join(', ')})
  SELECT ${Object.keys(COLUMNS).join(', ')} FROM jsonb_populate_record(NULL::services, $1::jsonb)`;

const INSERT_ACTION = `INSERT INTO actions (id, name, description, type, params, retry, timeout_seconds, created_at, updated_at, version)
  VALUES ($1, $2, '', 'webhook', '{}', '{"attempts": 1, "backoffSeconds": 1, "maxBackoffSeconds": 1}', 5, $3, $3, 1)`;

/**
 * Inserts the service and its action, in a transaction that must be undone.
 *
 * @returns revision of the definitions, of which its commit would have made another one
 */
export async function insertRehearsed(sql: Sql, service: ServiceRow): Promise<string> {
  const values = Object.entries(COLUMNS).map(([column, of]) => [column, of(service)]);
  const [, , rows] = await Promise.all([
    sql.rows(INSERT_SERVICE, [JSON.stringify(Object.fromEntries(values))]),
    sql.rows(INSERT_ACTION, [service.actionIds[0], service.name, service.createdAt]),
    sql.rows<{ revision: string }>('SELECT revision FROM definition_revision'),
  ]);
  return rows[0]!.revision;
}
