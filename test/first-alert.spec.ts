/** The first alert of a process that has just started, or whose rules have just changed, waits for nothing but its own. */
import { Scenario } from './scenario';
import { PostgresMessages } from './stand-ins/postgres-messages';

/** Tables in which an alert that acts leaves something, or a definition. */
const TABLES = [
  'services', 'actions', 'service_actions', 'definition_changes', 'definition_versions', 'changed_services',
  'alerts', 'alert_matches', 'service_states', 'decisions', 'triggers', 'trigger_alerts', 'executions', 'samples',
]; // prettier-ignore

describe('the first alert', () => {
  let scenario: Scenario;
  let messages: PostgresMessages;
  let databaseUrl: string;

  beforeAll(async () => {
    scenario = await Scenario.begin(['all'], async (world) => {
      messages = new PostgresMessages(world.databaseUrl);
      databaseUrl = await messages.start();
      return { databaseUrl };
    });
  }, 60_000);
  afterAll(async () => {
    await scenario?.end();
    await messages?.stop();
  });

  const isInserted = () =>
    messages.asked.filter(({ statement }) => statement === 'intake_insert_under_locks');

  /** Number of rows of each table, and the revision of the definitions. */
  async function kept(): Promise<object> {
    const counts = TABLES.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
    const [row] = await scenario.world.rows(`SELECT ${counts.join(', ')}, revision FROM definition_revision`);
    return row;
  }

  test('is not rehearsed where no alert has been evaluated yet', async () => {
    expect(isInserted()).toEqual([]);
    const services = ['before', 'first', 'changed', 'other'];
    for (const name of services) await scenario.fed(name, { wisdomSeconds: 60 });
    await scenario.compile(services);
    await scenario.acts('before');
  });

  test('is rehearsed on every connection that is kept, and nothing of it is left', async () => {
    await scenario.program.stop();
    const [before, sent] = [await kept(), scenario.sink.requests.length];
    messages.asked.length = 0;
    scenario.program = await scenario.world.start('all', { databaseUrl });

    const rehearsed = messages.transactionOf('intake_insert_under_locks');
    expect(rehearsed.at(-1)).toEqual(['ROLLBACK']);
    expect(rehearsed.flat()).toEqual(expect.arrayContaining(['ledger_decisions', 'ledger_executions']));
    expect(new Set(isInserted().map(({ connection }) => connection)).size).toBe(2);
    expect(await kept()).toEqual(before);
    expect(scenario.sink.requests).toHaveLength(sent);
    expect(scenario.program.output).not.toContain('rehearsal');
    const metrics = await (await fetch(`${scenario.program.url}/metrics`)).text();
    expect(metrics).not.toMatch(
      /^monscale_(evaluations|alerts_\w+|triggers|execution_attempts|handed_over)_total(\{.*\})? [1-9]/m,
    );
  });

  test('is evaluated in the transaction that inserts it, by rules that were compiled ahead', async () => {
    await scenario.acts('first');
    expect(messages.transactionOf('intake_insert_under_locks').at(-1)).toContain('COMMIT');
    expect(isInserted()).toHaveLength(3);
  });

  test('after a change of rules is not evaluated twice, by old ones and by new ones', async () => {
    const before = isInserted().length;
    await scenario.api.patch('/services/other', { description: 'changed' });
    await scenario.acts('changed');
    expect(messages.transactionOf('intake_insert_under_locks').at(-1)).toContain('COMMIT');
    expect(isInserted()).toHaveLength(before + 1);
  });
});
