import { AlertHandover, ALERTS_AT_ONCE, PLACES } from './alert-handover';
import type { KeptAlert } from './fold';

const alerts = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `a-${n}` }) as KeptAlert);
const settled = () => new Promise(setImmediate);

const SOURCE = { name: 'api', format: 'native' };

describe('the handover of alerts', () => {
  let handover: AlertHandover;
  let evaluated: string[][];
  let end: (() => void)[];

  beforeEach(() => {
    handover = new AlertHandover();
    [evaluated, end] = [[], []];
  });

  const offer = () =>
    handover.offer(async (_source, _alerts, committed) => {
      evaluated.push((await committed).map(({ id }) => id));
      await new Promise<void>((resolve) => end.push(resolve));
    });

  test('nobody takes them where nobody evaluates, nor more than go together', () => {
    expect(handover.take(SOURCE, alerts(1))).toBeUndefined();
    offer();
    expect(handover.take(SOURCE, [])).toBeUndefined();
    expect(handover.take(SOURCE, alerts(ALERTS_AT_ONCE + 1))).toBeUndefined();
  });

  test('what was committed of them is evaluated, once that is known', async () => {
    offer();
    const [first, second] = alerts(2);
    const whenCommitted = handover.take(SOURCE, [first!, second!])!;
    await settled();
    expect(evaluated).toEqual([]);
    whenCommitted([second!]);
    await settled();
    expect(evaluated).toEqual([['a-1']]);
  });

  test('so many at a time, and each that ends makes room, also when it fails', async () => {
    handover.offer(async (_source, _alerts, committed) => {
      await committed;
      throw new Error('PostgreSQL is away');
    });
    const taken = Array.from({ length: PLACES }, () => handover.take(SOURCE, alerts(1))!);
    expect(handover.take(SOURCE, alerts(1))).toBeUndefined();
    taken[0]!([]);
    await settled();
    expect(handover.take(SOURCE, alerts(1))).toBeDefined();
  });

  test('at the end it takes nothing more, and waits for what has begun', async () => {
    offer();
    const whenCommitted = handover.take(SOURCE, alerts(1))!;
    const seen: string[] = [];
    const closing = handover.onModuleDestroy().then(() => seen.push('closed'));
    expect(handover.take(SOURCE, alerts(1))).toBeUndefined();
    whenCommitted(alerts(1));
    await settled();
    expect([evaluated, seen]).toEqual([[['a-0']], []]);
    end[0]!();
    await closing;
  });
});
