/** The first alert of a process that has just started, or whose rules have just changed, waits for nothing but its own. */
import { World, until } from './program';
import type { Api, MonscaleProcess } from './program';
import { PostgresMessages } from './stand-ins/postgres-messages';
import { WebhookSink } from './stand-ins/webhook-sink';

const WAIT_MS = 10_000;
/** Tables in which an alert that acts leaves something, or a definition. */
const TABLES = [
  'services', 'actions', 'service_actions', 'definition_changes', 'definition_versions', 'changed_services',
  'alerts', 'alert_matches', 'service_states', 'decisions', 'triggers', 'trigger_alerts', 'executions', 'samples',
]; // prettier-ignore

describe('the first alert', () => {
  const sink = new WebhookSink();
  let world: World;
  let messages: PostgresMessages;
  let program: MonscaleProcess;
  let api: Api;
  let sinkUrl: string;
  let databaseUrl: string;

  beforeAll(async () => {
    [world, sinkUrl] = await Promise.all([World.create(), sink.start()]);
    messages = new PostgresMessages(world.databaseUrl);
    databaseUrl = await messages.start();
  }, 60_000);
  afterAll(async () => {
    await world?.end();
    await messages?.stop();
    await sink.stop();
  });

  const start = async () => {
    messages.asked.length = 0;
    program = await world.start('all', { databaseUrl });
    ({ api } = program);
  };
  const executionsOf = (service: string) =>
    world.rows(`SELECT id FROM executions WHERE service_name = $1 AND status = 'succeeded'`, [service]);
  const isActedOn = async (service: string) => {
    expect((await api.post('/alerts', { labels: { service } })).status).toBe(202);
    await until(async () => (await executionsOf(service)).length === 1, WAIT_MS);
  };
  const isInserted = () => messages.asked.filter(({ statement }) => statement === 'intake_insert');

  /** Number of rows of each table, and the revision of the definitions. */
  async function kept(): Promise<object> {
    const counts = TABLES.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
    const [row] = await world.rows(`SELECT ${counts.join(', ')}, revision FROM definition_revision`);
    return row;
  }

  test('is not rehearsed where no alert has been evaluated yet', async () => {
    await start();
    expect(isInserted()).toEqual([]);
    await api.create('/actions', { name: 'tell', type: 'webhook', params: { url: `${sinkUrl}/told` } });
    for (const name of ['before', 'first', 'changed', 'other'])
      await api.create('/services', {
        name,
        metrics: { outage: { type: 'alert', params: { match: { service: name } } } },
        condition: 'outage > 0',
        wisdomSeconds: 60,
        actions: ['tell'],
      });
    // All of them have a state from now on.
    const ended = (service: string) => ({
      labels: { service },
      dedupKey: `of ${service}`,
      status: 'resolved',
    });
    await api.post('/alerts', ['before', 'first', 'changed', 'other'].map(ended));
    await until(async () => (await world.rows('SELECT FROM service_states')).length === 4, WAIT_MS);
    await isActedOn('before');
  });

  test('is rehearsed on every connection that is kept, and nothing of it is left', async () => {
    await program.stop();
    const [before, sent] = [await kept(), sink.requests.length];
    await start();

    const rehearsed = messages.transactionOf('intake_insert');
    expect(rehearsed.at(-1)).toEqual(['ROLLBACK']);
    expect(rehearsed.flat()).toEqual(expect.arrayContaining(['ledger_decisions', 'ledger_executions']));
    expect(new Set(isInserted().map(({ connection }) => connection)).size).toBe(2);
    expect(await kept()).toEqual(before);
    expect(sink.requests).toHaveLength(sent);
    expect(program.output).not.toContain('rehearsal');
    const metrics = await (await fetch(`${program.url}/metrics`)).text();
    expect(metrics).not.toMatch(
      /^monscale_(evaluations|alerts_\w+|triggers|execution_attempts|handed_over)_total(\{.*\})? [1-9]/m,
    );
  });

  test('is evaluated in the transaction that inserts it, by rules that were compiled ahead', async () => {
    await isActedOn('first');
    expect(messages.transactionOf('intake_insert').at(-1)).toContain('COMMIT');
    expect(isInserted()).toHaveLength(3);
  });

  test('after a change of rules is not evaluated twice, by old ones and by new ones', async () => {
    const before = isInserted().length;
    await api.patch('/services/other', { description: 'changed' });
    await isActedOn('changed');
    expect(messages.transactionOf('intake_insert').at(-1)).toContain('COMMIT');
    expect(isInserted()).toHaveLength(before + 1);
  });
});
