import type { Database } from '../database/database';
import type { Facts } from './formats/alert-format';
import { SourceActivity } from './source-activity';

const NOW = new Date('2026-11-22T10:00:00Z');
const facts = (body: string): Facts => ({ raw: Buffer.from(body), headers: {}, query: {}, now: NOW });

/** A database that notes what it is asked to do, and does it when it is let. */
function standIn() {
  const asked: { name: string; values: unknown[] }[] = [];
  let isHung = false;
  const rows = async (_text: string, values: unknown[], name: string) => {
    asked.push({ name, values });
    if (isHung) await new Promise(() => undefined);
    return [];
  };
  return {
    database: { rows } as unknown as Database,
    asked,
    hang: () => (isHung = true),
    names: () => asked.map(({ name }) => name),
  };
}

test('many requests of a second are a few statements', async () => {
  const { database, asked, names } = standIn();
  const activity = new SourceActivity(database);
  for (let n = 0; n < 1_000; n++) {
    activity.count('prometheus', 2, NOW);
    activity.keep({ source: 'prometheus', facts: facts(`{"n": ${n}}`), format: 'native', status: 202 });
  }
  await activity.flush();
  expect(names()).toEqual([
    'receipts_seen',
    'receipts_counts',
    'receipts_counts_old',
    'receipts_payloads',
    'receipts_payloads_old',
  ]);
  expect(asked[1]!.values[2]).toEqual([2_000]);
  expect(asked[3]!.values[5]).toEqual(['995', '996', '997', '998', '999'].map((n) => `{"n": ${n}}`));
  await activity.flush();
  expect(asked).toHaveLength(5);
});

test('of a large body little is held, and what lets in is masked', async () => {
  const { database, asked } = standIn();
  const activity = new SourceActivity(database);
  const body = `{"routing_key": "abc", "api-key": "d\\"ef", "x": "${'x'.repeat(1_000_000)}", "token": "ghi"}`;
  activity.keep({ source: 's', facts: facts(body), format: 'pagerduty', status: 202 });
  activity.keep({
    source: 's',
    facts: facts('host=a&password=jkl&token=mno'),
    format: 'icinga',
    status: 400,
  });
  await activity.flush();
  const [large, form] = asked[0]!.values[5] as [string, string];
  expect(large).toMatch(/^\{"routing_key": "\*\*\*", "api-key": "\*\*\*", "x": "xxx/);
  expect(large.length).toBeLessThanOrEqual(4_000);
  expect(form).toBe('host=a&password=***&token=***');
});

test('a small request that was taken is written as any other', async () => {
  const { database, asked } = standIn();
  const activity = new SourceActivity(database);
  const token = 'sent-with-the-request';
  const taken = (n: number) => ({ accepted: [{ id: `id-${n}`, dedupKey: 'k' }], rejected: [] });
  for (let n = 0; n < 1_000; n++) {
    const own = { ...facts(`{"n": ${n}, "x": "${token}"}`), headers: { authorization: `Bearer ${token}`, 'ce-n': `${n}` } };
    activity.keep({ source: 's', facts: own, format: 'native', status: 202, taken: taken(n), notes: [] });
  }
  await activity.flush();
  const { values } = asked[0]!;
  const last = [995, 996, 997, 998, 999];
  expect(values[5]).toEqual(last.map((n) => `ce-n: ${n}\n{"n": ${n}, "x": "***"}`));
  expect(values[6]).toEqual(last.map(() => 1));
  expect(values[7]).toEqual(last.map((n) => `["id-${n}"]`));
  expect(values.slice(8)).toEqual([last.map(() => '[]'), last.map(() => '[]')]);
}); // prettier-ignore

test('while nothing can be written nothing piles up', async () => {
  const { database, hang, names } = standIn();
  const activity = new SourceActivity(database);
  hang();
  activity.count('s', 1, NOW);
  void activity.flush();
  for (let n = 0; n < 100; n++) {
    activity.count('s', 1, NOW);
    void activity.flush();
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(names()).toEqual(['receipts_seen']);
});

test('the token that a sender showed is masked wherever it stands again, and so is what errors repeat', async () => {
  const { database, asked } = standIn();
  const activity = new SourceActivity(database);
  const token = 'sent-with-the-request';
  const password = `Basic ${Buffer.from(`u:${token}`).toString('base64')}`;
  const ways: Partial<Facts>[] = [
    { headers: { authorization: `Bearer ${token}` } },
    { headers: { authorization: password } },
    { query: { token } },
  ];
  for (const way of ways)
    activity.keep({
      source: 's',
      facts: { ...facts(`{"hook": "http://m/api?x=${token}", "a": "${Buffer.from(token).toString('base64')}"}`), ...way },
      format: 'native',
      status: 400,
      errors: [{ pointer: '/service', detail: `there is no service "${token}", password: hunter2` }],
      notes: [{ index: 0, detail: `of ${token}` }],
    });
  await activity.flush();
  const [, , , , , texts, , , errors, notes] = asked[0]!.values as string[][];
  expect(texts).toEqual(Array(3).fill('{"hook": "http://m/api?x=***", "a": "***"}'));
  expect(errors).toEqual(Array(3).fill('[{"pointer":"/service","detail":"there is no service \\"***\\", password: ***"}]'));
  expect(notes).toEqual(Array(3).fill('[{"index":0,"detail":"of ***"}]'));
}); // prettier-ignore
