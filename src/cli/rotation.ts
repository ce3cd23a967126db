/** Encryption of stored secrets with a new key. */
import type { Client } from 'pg';
import { programClock } from '../common/clock';
import { isSealed } from '../common/secret-value';
import { Secrets } from '../common/secrets';
import { mapValues } from '../common/records';
import { PROGRAM, recordAudit } from '../database/audit';
import { despiteDeadlocks } from '../database/deadlock';
import { fingerprintOf, SEALED_IN, sealedIn } from '../database/secret-key';
import { ruleKey } from '../rules/rule-key';

/** Number of definitions in one transaction. */
const AT_ONCE = 100;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Words for definitions in the record of changes. */
const KINDS: Record<keyof typeof SEALED_IN, string> = {
  infrastructures: 'infrastructure',
  actions: 'action',
  services: 'service',
  sources: 'source',
};

type Row = { id: string; name: string } & Record<string, unknown>;

export interface Rotated {
  /** Number of definitions whose secrets are now encrypted with the new key. */
  changed: number;
  /** Names of definitions with secrets that no key decrypts: they have to be given again. */
  unopened: string[];
}

/**
 * Encrypts every stored secret with the first key, a hundred definitions at a time, and records that key. Rules keep
 * their holds and alarms. It may be killed at any moment, and run again.
 *
 * @param isLost whether the old key is lost: secrets encrypted with it stay as they are, and can't be used
 * @throws Error when none of the keys decrypts a secret, unless the old one is lost
 */
export async function rotate(client: Client, keys: readonly Buffer[], isLost: boolean): Promise<Rotated> {
  const secrets = new Secrets(keys);
  const rotated: Rotated = { changed: 0, unopened: [] };
  for (const table of Object.keys(SEALED_IN) as (keyof typeof SEALED_IN)[]) {
    let after = FIRST_ID;
    for (;;) {
      const batch = await despiteDeadlocks(() =>
        inTransaction(client, () => some(client, table, after, secrets)),
      );
      rotated.changed += batch.changed;
      rotated.unopened.push(...batch.unopened);
      if (batch.last === undefined) break;
      after = batch.last;
    }
  }
  if (rotated.unopened.length > 0 && !isLost)
    throw new Error(
      `${rotated.unopened.length} definitions have secrets that neither key opens, the first: ${rotated.unopened.slice(0, 10).join(', ')}; give them again, or run this with --lost`,
    );
  await rotateVersions(client, secrets);
  await syncClock(client);
  await inTransaction(client, () => noteKey(client, fingerprintOf(keys[0]!), rotated));
  return rotated;
}

async function noteKey(client: Client, fingerprint: string, { changed, unopened }: Rotated): Promise<void> {
  await client.query(
    `INSERT INTO secret_key (fingerprint) VALUES ($1)
     ON CONFLICT (singleton) DO UPDATE SET fingerprint = excluded.fingerprint, since = now()`,
    [fingerprint],
  );
  const rows = async (text: string, values?: unknown[]) => (await client.query(text, values)).rows as never[];
  const detail = { fingerprint, definitions: changed, unopened: unopened.length };
  const caller = { ...PROGRAM, actor: 'monscale rotate-key' };
  await recordAudit({ rows }, [{ action: 'rotate_key', object: { type: 'secret_key' }, detail, caller }]);
}

/** Entries of the audit go by PostgreSQL's time. */
async function syncClock(client: Client): Promise<void> {
  const askedAt = performance.now();
  const { rows } = await client.query<{ ms: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
  );
  programClock.sync(rows[0]!.ms, askedAt, performance.now());
}

interface VersionRow {
  definition_id: string;
  version: number;
  definition: unknown;
}

/** Place in the order of versions. */
type Place = Pick<VersionRow, 'definition_id' | 'version'>;

/** Encrypts the secrets of earlier versions; what no key decrypts stays as it is, and can't be used. */
async function rotateVersions(client: Client, secrets: Secrets): Promise<void> {
  let after: Place | undefined = { definition_id: FIRST_ID, version: 0 };
  while (after !== undefined) {
    const from: Place = after;
    after = await inTransaction(client, () => someVersions(client, from, secrets));
  }
}

/** @returns the last version that was looked at; undefined when there was none */
async function someVersions(client: Client, after: Place, secrets: Secrets): Promise<Place | undefined> {
  const { rows } = await client.query<VersionRow>(
    `SELECT definition_id, version, definition FROM definition_versions
     WHERE (definition_id, version) > ($1, $2) AND definition::text LIKE '%"sealed"%'
     ORDER BY definition_id, version LIMIT ${AT_ONCE} FOR UPDATE`,
    [after.definition_id, after.version],
  );
  for (const { definition_id, version, definition } of rows) {
    const sealed = resealed(definition, secrets);
    if (sealed === definition) continue;
    await client.query(
      'UPDATE definition_versions SET definition = $3 WHERE definition_id = $1 AND version = $2',
      [definition_id, version, JSON.stringify(sealed)],
    );
  }
  return rows.at(-1);
}

/**
 * Encrypts the secrets of up to a hundred definitions.
 *
 * @returns with the id of the last definition that was looked at; without it there was none
 */
async function some(
  client: Client,
  table: keyof typeof SEALED_IN,
  after: string,
  secrets: Secrets,
): Promise<Rotated & { last?: string }> {
  // As whoever saves a definition does it first: else two would wait for each other.
  await client.query('SELECT FROM definition_revision FOR UPDATE');
  const columns = SEALED_IN[table];
  const isHolder = columns.map((name) => `${name}::text LIKE '%"sealed"%'`).join(' OR ');
  const { rows } = await client.query<Row>(
    `SELECT * FROM ${table} WHERE id > $1 AND (${isHolder}) ORDER BY id LIMIT ${AT_ONCE} FOR NO KEY UPDATE`,
    [after],
  );
  const changed: string[] = [];
  const unopened: string[] = [];
  for (const row of rows) {
    const seals = columns.flatMap((name) => sealedIn(row[name]));
    if (!seals.every((seal) => secrets.opens(seal))) unopened.push(`${KINDS[table]} ${row.name}`);
    const sealed = Object.fromEntries(columns.map((name) => [name, resealed(row[name], secrets)]));
    if (columns.every((name) => sealed[name] === row[name])) continue;
    await write(client, table, row, sealed);
    changed.push(row.id);
  }
  if (changed.length > 0) await note(client, KINDS[table], changed);
  return { changed: changed.length, unopened, last: rows.at(-1)?.id };
}

/**
 * Returns the value with its secrets encrypted anew; the same value when nothing changes. What no key decrypts stays as
 * it is.
 */
function resealed(value: unknown, secrets: Secrets): unknown {
  if (isSealed(value)) return secrets.opens(value) ? secrets.resealed(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  const inner = Array.isArray(value)
    ? value.map((item: unknown) => resealed(item, secrets))
    : mapValues(value as Record<string, unknown>, (item) => resealed(item, secrets));
  const isSame = Object.entries(value).every(
    ([key, item]) => (inner as Record<string, unknown>)[key] === item,
  );
  return isSame ? value : inner;
}

async function write(
  client: Client,
  table: keyof typeof SEALED_IN,
  row: Row,
  sealed: Record<string, unknown>,
): Promise<void> {
  const columns = Object.keys(sealed);
  const set = columns.map((name, index) => `${name} = $${index + 2}::jsonb`).join(', ');
  const values = columns.map((name) => (sealed[name] === null ? null : JSON.stringify(sealed[name])));
  const { rows } = await client.query<Row>(
    `UPDATE ${table} SET ${set}, version = version + 1 WHERE id = $1 RETURNING *`,
    [row.id, ...values],
  );
  if (table === 'services') await keepState(client, row, rows[0]!);
  // It says the same, of the same author, under the number that it has now.
  await client.query(
    'UPDATE definition_versions SET version = version + 1 WHERE definition_id = $1 AND version = $2 - 1',
    [row.id, rows[0]!.version],
  );
}

/** Keeps holds and alarms: they belong to a stored rule by its key, and it is still the same rule. */
async function keepState(client: Client, before: Row, after: Row): Promise<void> {
  const [old, young] = [before, after].map((row) => ruleKey(row as never));
  await client.query(
    `UPDATE service_states SET state = jsonb_set(state, '{ruleKey}', to_jsonb($3::text))
     WHERE service_id = $1 AND state->>'ruleKey' = $2`,
    [before.id, old, young],
  );
}

/** Records the change of definitions, so that processes read them again. */
async function note(client: Client, kind: string, ids: readonly string[]): Promise<void> {
  await client.query('UPDATE definition_revision SET revision = revision + 1');
  await client.query(
    `INSERT INTO definition_changes (revision, kind, id)
     SELECT r.revision, $1, u.id FROM definition_revision r, unnest($2::uuid[]) AS u (id) ON CONFLICT DO NOTHING`,
    [kind, ids],
  );
}

async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
