import { setImmediate as turn } from 'node:timers/promises';
import { Limiter } from './limiter';

/** Work that goes on until it is told to end. */
function piece(log: string[], name: string) {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const work = async () => {
    log.push(`${name} begins`);
    await ended;
    return name;
  };
  return { work, end };
}

test('so many run, and the others wait in their order', async () => {
  const log: string[] = [];
  const limiter = new Limiter(2);
  const pieces = ['a', 'b', 'c', 'd'].map((name) => piece(log, name));
  const results = pieces.map(({ work }) => limiter.take(work));
  await turn();
  expect(log).toEqual(['a begins', 'b begins']);
  pieces[1]!.end();
  await turn();
  expect(log).toEqual(['a begins', 'b begins', 'c begins']);
  for (const { end } of pieces) end();
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
  expect(limiter.isIdle).toBe(true);
});

test('what fails gives its place back', async () => {
  const limiter = new Limiter(1);
  await expect(limiter.take(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await limiter.take(() => Promise.resolve('yes'))).toBe('yes');
});

test('more than may wait are refused, and cost no place', async () => {
  const limiter = new Limiter(1, 1, () => new Error('come again'));
  const first = piece([], 'first');
  const running = limiter.take(first.work);
  const waiting = limiter.take(() => Promise.resolve('second'));
  await expect(limiter.take(() => Promise.resolve('third'))).rejects.toThrow('come again');
  first.end();
  expect(await Promise.all([running, waiting])).toEqual(['first', 'second']);
  expect(limiter.isIdle).toBe(true);
});

test('places are taken as far as they are free, and all are waited for', async () => {
  const limiter = new Limiter(3);
  expect([limiter.acquire(2), limiter.acquire(2), limiter.acquire(1)]).toEqual([2, 1, 0]);
  let isIdle = false;
  const idle = limiter.idle().then(() => (isIdle = true));
  limiter.release(2);
  await turn();
  expect(isIdle).toBe(false);
  limiter.release(1);
  await idle;
  await new Limiter(1).idle();
});

test('a place that is given back goes to whoever waits', async () => {
  const limiter = new Limiter(2);
  limiter.acquire(2);
  const waiting = limiter.take(() => Promise.resolve('mine'));
  limiter.release(2);
  expect(await waiting).toBe('mine');
  expect(limiter.acquire(5)).toBe(2);
});
