/** What an alert costs in statements and round trips to PostgreSQL: each is CPU on both sides, and a wait. */
import { Client } from 'pg';
import { until } from './program';
import { Scenario } from './scenario';
import { PostgresMessages } from './stand-ins/postgres-messages';

const WAIT_MS = 10_000;

describe('of an alert that a rule acts on', () => {
  let scenario: Scenario;
  let messages: PostgresMessages;

  beforeAll(async () => {
    scenario = await Scenario.begin(['all'], async ({ databaseUrl }) => {
      messages = new PostgresMessages(databaseUrl);
      return { databaseUrl: await messages.start() };
    });
    const services = ['first', 'web', 'held'];
    for (const name of services) await scenario.fed(name, { wisdomSeconds: 60 });
    await scenario.compile(services);
    await scenario.acts('first');
  }, 60_000);
  afterAll(async () => {
    await scenario?.end();
    await messages?.stop();
  });

  const alertsOf = (service: string) =>
    scenario.world.rows(
      `SELECT processed, revision FROM alerts WHERE labels->>'service' = $1 AND status = 'firing'`,
      [service],
    );

  test('all is one transaction of two round trips, in which nothing is written twice', async () => {
    await scenario.acts('web');
    expect(messages.transactionOf('intake_insert_under_locks')).toEqual([
      [
        'BEGIN',
        'ledger_free_services',
        'ledger_states_read',
        'intake_insert_under_locks',
        'alerts_matches_under_locks',
        'alert_values',
      ],
      [
        'ledger_states',
        'ledger_decisions',
        'ledger_triggers',
        'ledger_trigger_alerts',
        'ledger_executions',
        'COMMIT',
      ],
    ]);
    expect(await alertsOf('web')).toEqual([{ processed: 1, revision: 1 }]);
  });

  test('one whose service another has in hand is taken first and evaluated then', async () => {
    const holder = new Client({ connectionString: scenario.world.databaseUrl });
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(`SELECT FROM services WHERE name = 'held' FOR UPDATE`);
      expect((await scenario.fire('held')).status).toBe(202);
      expect(await alertsOf('held')).toEqual([{ processed: 0, revision: 1 }]);
    } finally {
      await holder.end();
    }
    await until(async () => (await alertsOf('held'))[0].processed === 1, WAIT_MS);
    await until(() => scenario.sink.requests.length === 3, WAIT_MS);
  });
});
