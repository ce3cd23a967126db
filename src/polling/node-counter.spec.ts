import { ManualClock } from '../common/clock';
import { NodeCounter } from './node-counter';
import type { Poller } from './poller';
import type { Reads } from './reads';

const WEB = { id: 'web', name: 'web', version: 1, nodes: { type: 'static_count', params: {} } };

/** A counter whose reads are answered, or failed, by hand. */
function counter() {
  const clock = new ManualClock(new Date(0));
  const asked: ((reading: { value: number } | { error: string }) => void)[] = [];
  const poller = {
    async *poll([polled]: object[]) {
      const reading = await new Promise<object>((resolve) => asked.push(resolve));
      yield [{ polled, readings: { nodes: reading } }];
    },
  } as unknown as Poller;
  const reads = { of: () => ({}) } as unknown as Reads;
  return { clock, asked, nodes: new NodeCounter(reads, poller, clock) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('who asks while a count is under way waits for the same one, however long it takes', async () => {
  const { clock, asked, nodes } = counter();
  const first = nodes.count(WEB);
  await turn();
  clock.advance(8);
  const second = nodes.count(WEB);
  asked[0]!({ value: 3 });
  const counted = { nodes: 3, at: new Date(0) };
  expect(await Promise.all([first, second])).toEqual([counted, counted]);
  expect(asked).toHaveLength(1);
});

test('a count serves for a second, what can not be counted is left alone for five', async () => {
  const { clock, asked, nodes } = counter();
  const ask = async (answer: { value: number } | { error: string }) => {
    const count = nodes.count(WEB);
    await turn();
    asked.shift()?.(answer);
    return (await count).nodes;
  };
  expect(await ask({ value: 3 })).toBe(3);
  clock.advance(0.9);
  expect(await ask({ value: 9 })).toBe(3);
  clock.advance(0.2);
  await expect(ask({ error: 'no answer in 10 s' })).rejects.toThrow(
    "the nodes of web can't be counted: no answer in 10 s",
  );
  clock.advance(4.9);
  await expect(nodes.count(WEB)).rejects.toThrow('no answer');
  expect(asked).toHaveLength(0);
  clock.advance(0.2);
  expect(await ask({ value: 4 })).toBe(4);
});

test.each([-1, 2.5])('%d is no number of nodes', async (value) => {
  const { asked, nodes } = counter();
  const count = nodes.count(WEB);
  await turn();
  asked[0]!({ value });
  await expect(count).rejects.toThrow(`${value} is no number of nodes`);
});
