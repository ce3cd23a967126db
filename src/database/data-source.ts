import { Pool, type ClientBase, type PoolConfig } from 'pg';
import { DataSource } from 'typeorm';
import { BelievedSources1764200000000 } from '../../migrations/1764200000000-believed-sources';
import { heard } from '../common/heard';
import { hostOptions, urlsOf } from './hosts';
import { Foundation1700000000000 } from '../../migrations/1700000000000-foundation';
import { TrustedRules1763900000000 } from '../../migrations/1763900000000-trusted-rules';
import { WaitingExecutions1763900100000 } from '../../migrations/1763900100000-waiting-executions';
import { RecoveryActions1763900200000 } from '../../migrations/1763900200000-recovery-actions';
import { LoadBalancers1763900300000 } from '../../migrations/1763900300000-load-balancers';
import { AlertFormats1763900400000 } from '../../migrations/1763900400000-alert-formats';
import { ActionLimits1763900500000 } from '../../migrations/1763900500000-action-limits';
import { Aftermath1763900600000 } from '../../migrations/1763900600000-aftermath';
import { SnmpNotifications1763900700000 } from '../../migrations/1763900700000-snmp-notifications';
import { Intake1763900800000 } from '../../migrations/1763900800000-intake';
import { DefinitionChanges1763900900000 } from '../../migrations/1763900900000-definition-changes';
import { LighterAlerts1763901000000 } from '../../migrations/1763901000000-lighter-alerts';
import { StateWriters1763901100000 } from '../../migrations/1763901100000-state-writers';
import { SampleRows1763901200000 } from '../../migrations/1763901200000-sample-rows';
import { LighterMatches1763901300000 } from '../../migrations/1763901300000-lighter-matches';
import { ChangedServices1763901400000 } from '../../migrations/1763901400000-changed-services';
import { AsksForNodes1763901500000 } from '../../migrations/1763901500000-asks-for-nodes';
import { PolledRanges1763901600000 } from '../../migrations/1763901600000-polled-ranges';
import { ReportTimes1763902300000 } from '../../migrations/1763902300000-report-times';
import { AlertsOfTriggers1763902400000 } from '../../migrations/1763902400000-alerts-of-triggers';
import { ForgottenEngines1763901950000 } from '../../migrations/1763901950000-forgotten-engines';
import { SnmpAsDevicesSpeak1763901900000 } from '../../migrations/1763901900000-snmp-as-devices-speak';
import { SignsOfLife1764000000000 } from '../../migrations/1764000000000-signs-of-life';
import { RollUpsInPieces1764300000000 } from '../../migrations/1764300000000-roll-ups-in-pieces';
import { SchemaVersions1764400000000 } from '../../migrations/1764400000000-schema-versions';
import { TestsAsExecutions1764500000000 } from '../../migrations/1764500000000-tests-as-executions';
import { SecretKey1764100000000 } from '../../migrations/1764100000000-secret-key';
import { NewestMatches1764600000000 } from '../../migrations/1764600000000-newest-matches';
import { People1765000000000 } from '../../migrations/1765000000000-people';
import { SigningIn1765100000000 } from '../../migrations/1765100000000-signing-in';
import { Audit1765200000000 } from '../../migrations/1765200000000-audit';
import { DefinitionVersions1765200100000 } from '../../migrations/1765200100000-definition-versions';
import { ApprovalLinks1765200200000 } from '../../migrations/1765200200000-approval-links';
import { UnknownExecutions1765700000000 } from '../../migrations/1765700000000-unknown-executions';
import { LookedUpByKeys1765860000000 } from '../../migrations/1765860000000-looked-up-by-keys';
import { ShownStates1765300100000 } from '../../migrations/1765300100000-shown-states';
import { SearchedServices1765300000000 } from '../../migrations/1765300000000-searched-services';
import { TakenMessages1764500100000 } from '../../migrations/1764500100000-taken-messages';
import { Silences1765400000000 } from '../../migrations/1765400000000-silences';
import { Contacts1765500000000 } from '../../migrations/1765500000000-contacts';
import { Processes1765600100000 } from '../../migrations/1765600100000-processes';
import { Events1765600000000 } from '../../migrations/1765600000000-events';
import { ManagedDefinitions1765900000000 } from '../../migrations/1765900000000-managed-definitions';
import { Installation1765850000000 } from '../../migrations/1765850000000-installation';
import { ENTITIES } from './entities';
import { setUpSession } from './session';

/** Time after which an unanswered query fails, milliseconds: a server or network that has gone silent never answers. */
const QUERY_TIMEOUT_MS = 10_000;

const TIMEOUTS = {
  statement_timeout: 30_000,
  query_timeout: QUERY_TIMEOUT_MS,
  idle_in_transaction_session_timeout: 30_000,
};
const CONNECT_TIMEOUT_MS = 5_000;
const APPLICATION = 'monscale';
const AT_ONCE = 10;
const COPIES_AT_ONCE = 5;
/**
 * Number of connections of each pool that stay open when nothing is asked, with the statements they have prepared: the
 * first alert after a quiet time does not wait for new ones.
 */
export const KEPT = 2;

/**
 * Returns the pool that TypeORM and most of our own SQL share. It pipelines: statements issued together are sent
 * together.
 */
export function createDataSource(url: string, onConnect?: OnConnect): DataSource {
  return dataSource(url, { ...TIMEOUTS, min: KEPT, max: AT_ONCE, pipeline: true, onConnect });
}

/** Returns connections for COPY, which can't be pipelined. */
export const createCopyPool = (url: string, onConnect?: OnConnect): Pool =>
  createPool(url, { max: COPIES_AT_ONCE }, onConnect);

/**
 * Settings of keyed connections. JIT is off since a table of one row, without an index, would be read at a cost that
 * makes PostgreSQL compile the query.
 */
export const BY_KEYS = `SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_mergejoin = off; SET jit = off`;

/**
 * Returns connections that plan each statement once, by indexes. A plan may be made while a table is almost empty, and
 * would then read all of it for good: so statements must look up every table by keys, with `= ANY` or a LATERAL with
 * LIMIT 1 beside any join.
 */
export const createKeyedPool = (url: string, onConnect?: OnConnect): Pool =>
  createPool(url, { max: AT_ONCE, pipeline: true }, async (client) => {
    await onConnect?.(client);
    await client.query(BY_KEYS);
  });

/** Opens the connections that a pool keeps, as far as the server has room for them. */
export async function openKept(pool: Pool): Promise<void> {
  const opened = await Promise.allSettled(Array.from({ length: KEPT }, () => pool.connect()));
  for (const one of opened) if (one.status === 'fulfilled') one.value.release();
}

/** Work on a new connection, which the pool waits for; what it throws ends the connection. */
export type OnConnect = (client: ClientBase) => Promise<void>;

/** Returns the options of a pool, by which it finds the host that takes writes. */
function connecting(urls: readonly string[], onConnect?: OnConnect) {
  const { Client, onConnect: assertWrites } = hostOptions(urls);
  const all: OnConnect = async (client) => {
    await setUpSession(client);
    await assertWrites(client);
    await onConnect?.(client);
  };
  return { ...(Client === undefined ? {} : { Client }), onConnect: all };
}

function createPool(url: string, given: PoolConfig, onConnect?: OnConnect): Pool {
  const urls = urlsOf(url);
  const pool = new Pool({
    connectionString: urls[0],
    application_name: APPLICATION,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    min: KEPT,
    ...TIMEOUTS,
    ...given,
    // The pool waits for `onConnect`, though its type does not say so.
    ...(connecting(urls, onConnect) as object),
  });
  // Of a connection in use, what it was asked fails by itself.
  pool.on('connect', heard);
  return heard(pool);
}

/** Returns a data source for migrations, without timeouts. */
export function createMigrationSource(url: string): DataSource {
  return dataSource(url, { max: 2 });
}

function dataSource(
  url: string,
  { onConnect, ...extra }: PoolConfig & { onConnect?: OnConnect },
): DataSource {
  const urls = urlsOf(url);
  return new DataSource({
    type: 'postgres',
    url: urls[0],
    entities: ENTITIES,
    migrations: [
      Foundation1700000000000,
      TrustedRules1763900000000,
      WaitingExecutions1763900100000,
      RecoveryActions1763900200000,
      LoadBalancers1763900300000,
      AlertFormats1763900400000,
      ActionLimits1763900500000,
      Aftermath1763900600000,
      SnmpNotifications1763900700000,
      Intake1763900800000,
      DefinitionChanges1763900900000,
      LighterAlerts1763901000000,
      StateWriters1763901100000,
      SampleRows1763901200000,
      LighterMatches1763901300000,
      ChangedServices1763901400000,
      AsksForNodes1763901500000,
      PolledRanges1763901600000,
      ReportTimes1763902300000,
      AlertsOfTriggers1763902400000,
      SnmpAsDevicesSpeak1763901900000,
      ForgottenEngines1763901950000,
      SignsOfLife1764000000000,
      RollUpsInPieces1764300000000,
      BelievedSources1764200000000,
      SchemaVersions1764400000000,
      TestsAsExecutions1764500000000,
      SecretKey1764100000000,
      TakenMessages1764500100000,
      NewestMatches1764600000000,
      People1765000000000,
      SigningIn1765100000000,
      Audit1765200000000,
      DefinitionVersions1765200100000,
      ApprovalLinks1765200200000,
      SearchedServices1765300000000,
      ShownStates1765300100000,
      Silences1765400000000,
      Contacts1765500000000,
      Events1765600000000,
      Processes1765600100000,
      UnknownExecutions1765700000000,
      Installation1765850000000,
      LookedUpByKeys1765860000000,
      ManagedDefinitions1765900000000,
    ],
    installExtensions: false,
    applicationName: APPLICATION,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    extra: { ...extra, keepAlive: true, ...connecting(urls, onConnect) },
  });
}

/** Data source of the migration command: `npm run migration:run`. */
export default createMigrationSource(process.env.DATABASE_URL ?? '');
