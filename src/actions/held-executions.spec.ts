import { ALL_RIGHTS, runAs } from '../common/caller';
import { ManualClock } from '../common/clock';
import { HeldExecutions } from './held-executions';

test('of very many that scale, nodes are counted for some; the others stay held, and say so', async () => {
  const held = Array.from({ length: 600 }, (_, n) => ({
    id: `e-${n}`,
    was: 'queued',
    scales: true,
    action: 'grow',
  }));
  const statements: [string, unknown[]][] = [];
  const rows = (text: string, values: unknown[] = []) => {
    statements.push([text, values]);
    return Promise.resolve(
      text.includes('count(*)') ? [{ total: held.length }] : text.includes('ORDER BY e.id') ? held : [],
    );
  };
  const counted: string[] = [];
  const rechecks = { of: (id: string) => Promise.resolve(void counted.push(id)) };
  const queues = { addExecutions: () => Promise.resolve(true), addWaiting: () => Promise.resolve(true) };
  const database = { rows, transaction: (work: (sql: object) => unknown) => work({ rows }) };
  const executions = new HeldExecutions(
    database as never,
    queues as never,
    rechecks as never,
    new ManualClock(new Date(0)),
  );

  const caller = { actor: 'anna', via: 'session' as const, address: '', grants: ALL_RIGHTS };
  const { changed } = await runAs(caller, () => executions.resume({}));
  expect(counted).toEqual(held.slice(0, 500).map(({ id }) => id));
  expect(changed).toEqual(
    held.slice(500).map(({ id }) => ({ id, detail: 'too many at once: do it again for the rest' })),
  );
  const [, [gone]] = statements.find(([text]) => text.includes('UPDATE executions'))!;
  expect(gone).toEqual(counted);
});
