/** What an alert costs in statements and round trips to PostgreSQL: each is CPU on both sides, and a wait. */
import { Client } from 'pg';
import { World, until } from './program';
import type { Api } from './program';
import { PostgresMessages } from './stand-ins/postgres-messages';
import { WebhookSink } from './stand-ins/webhook-sink';

const WAIT_MS = 10_000;

describe('of an alert that a rule acts on', () => {
  const sink = new WebhookSink();
  let world: World;
  let messages: PostgresMessages;
  let api: Api;
  let sinkUrl: string;

  beforeAll(async () => {
    [world, sinkUrl] = await Promise.all([World.create(), sink.start()]);
    messages = new PostgresMessages(world.databaseUrl);
    const program = await world.start('all', { databaseUrl: await messages.start() });
    ({ api } = program);
    await api.create('/actions', { name: 'tell', type: 'webhook', params: { url: `${sinkUrl}/told` } });
    for (const name of ['first', 'web', 'held'])
      await api.create('/services', {
        name,
        metrics: { outage: { type: 'alert', params: { match: { service: name } } } },
        condition: 'outage > 0',
        wisdomSeconds: 60,
        actions: ['tell'],
      });
    // Their rules are compiled by alerts that trigger nothing.
    await api.post('/alerts', ['first', 'web', 'held'].map(ended));
    await until(async () => (await statesOf(3)) === 3, WAIT_MS);
    await acting('first');
  }, 60_000);
  afterAll(async () => {
    await world?.end();
    await messages?.stop();
    await sink.stop();
  });

  const ended = (service: string) => ({
    labels: { service },
    dedupKey: `before ${service}`,
    status: 'resolved',
  });
  const statesOf = async (count: number) =>
    (await world.rows('SELECT service_id FROM service_states LIMIT $1', [count])).length;

  /** Sends an alert for a service, and waits until its execution has ended. */
  async function acting(service: string): Promise<void> {
    const executions = () =>
      world.rows(`SELECT id FROM executions WHERE service_name = $1 AND status = 'succeeded'`, [service]);
    expect((await api.post('/alerts', { labels: { service } })).status).toBe(202);
    await until(async () => (await executions()).length === 1, WAIT_MS);
  }

  const alertsOf = (service: string) =>
    world.rows(`SELECT processed, revision FROM alerts WHERE labels->>'service' = $1 AND status = 'firing'`, [
      service,
    ]);

  test('all is one transaction of three round trips, in which nothing is written twice', async () => {
    await acting('web');
    expect(messages.transactionOf('intake_insert')).toEqual([
      ['BEGIN', 'ledger_free_services', 'ledger_states_read'],
      ['intake_insert', 'alerts_matches', 'alert_values'],
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
    const holder = new Client({ connectionString: world.databaseUrl });
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(`SELECT FROM services WHERE name = 'held' FOR UPDATE`);
      expect((await api.post('/alerts', { labels: { service: 'held' } })).status).toBe(202);
      expect(await alertsOf('held')).toEqual([{ processed: 0, revision: 1 }]);
    } finally {
      await holder.end();
    }
    await until(async () => (await alertsOf('held'))[0].processed === 1, WAIT_MS);
    await until(() => sink.requests.length === 3, WAIT_MS);
  });
});
