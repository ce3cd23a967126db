import { loopDelayMs } from '../../test/loop-delay';
import { mapInTurns, Turns } from './turns';

/** Keeps the processor for a while, as work between two turns does. */
function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test('however much is done in turns at once, others wait for one turn alone', async () => {
  const work = async () => {
    const turns = new Turns();
    for (let step = 0; step < 20; step++) {
      spin(5);
      await turns.next();
    }
  };
  const delay = await loopDelayMs(() => Promise.all(Array.from({ length: 30 }, work)));
  // The first turns of all begin together.
  expect(delay).toBeLessThan(400);
}, 20_000);

test('what waits for its turn goes on in order, and ends', async () => {
  const ended: number[] = [];
  await Promise.all(
    [0, 1, 2].map(async (index) => {
      const turns = new Turns();
      for (let step = 0; step < 3; step++) {
        spin(11);
        await turns.next();
      }
      ended.push(index);
    }),
  );
  expect(ended).toEqual([0, 1, 2]);
});

test('what takes longer than it may is thrown between two steps', async () => {
  const turns = new Turns(50, () => new Error('too late'));
  const work = async () => {
    for (;;) {
      spin(5);
      await turns.next();
    }
  };
  await expect(work()).rejects.toThrow('too late');
});

test('a list is mapped as in one go, while timers run', async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const items = Array.from({ length: 100 }, (_, index) => index);
  const mapped = await mapInTurns(items, (item, index) => {
    spin(2);
    return item + index;
  });
  clearInterval(timer);
  expect(mapped).toEqual(items.map((item) => item * 2));
  expect(ticks).toBeGreaterThan(5);
});

test('the clock is not asked at each short step, and still noticed soon when steps get long', () => {
  const turns = new Turns();
  const clock = jest.spyOn(performance, 'now');
  try {
    for (let step = 0; step < 800; step++) void turns.isOver;
    expect(clock.mock.calls.length).toBeLessThan(200);
  } finally {
    clock.mockRestore();
  }
  let long = 1;
  for (; !turns.isOver; long++) spin(11);
  expect(long).toBeLessThanOrEqual(8 + 1);
  // Until it has waited, it is over at each look.
  expect([turns.isOver, turns.isOver]).toEqual([true, true]);
});
