import { LocalAlertDispatch, ALERTS_AT_ONCE, SLOTS } from './local-alert-dispatch';
import type { KeptAlert } from './dedup';

const alerts = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `a-${n}` }) as KeptAlert);
const settled = () => new Promise(setImmediate);

const SOURCE = { name: 'api', format: 'native' };

describe('local dispatch of alerts', () => {
  let dispatch: LocalAlertDispatch;
  let evaluated: string[][];
  let end: (() => void)[];

  beforeEach(() => {
    dispatch = new LocalAlertDispatch();
    [evaluated, end] = [[], []];
  });

  const offer = () =>
    dispatch.offer(async (_source, _alerts, committed) => {
      evaluated.push((await committed).map(({ id }) => id));
      await new Promise<void>((resolve) => end.push(resolve));
    });

  test('nobody takes them where nobody evaluates, nor more than go together', () => {
    expect(dispatch.take(SOURCE, alerts(1))).toBeUndefined();
    offer();
    expect(dispatch.take(SOURCE, [])).toBeUndefined();
    expect(dispatch.take(SOURCE, alerts(ALERTS_AT_ONCE + 1))).toBeUndefined();
  });

  test('what was committed of them is evaluated, once that is known', async () => {
    offer();
    const [first, second] = alerts(2);
    const whenCommitted = dispatch.take(SOURCE, [first!, second!])!;
    await settled();
    expect(evaluated).toEqual([]);
    whenCommitted([second!]);
    await settled();
    expect(evaluated).toEqual([['a-1']]);
  });

  test('so many at a time, and each that ends makes room, also when it fails', async () => {
    dispatch.offer(async (_source, _alerts, committed) => {
      await committed;
      throw new Error('PostgreSQL is away');
    });
    const taken = Array.from({ length: SLOTS }, () => dispatch.take(SOURCE, alerts(1))!);
    expect(dispatch.take(SOURCE, alerts(1))).toBeUndefined();
    taken[0]!([]);
    await settled();
    expect(dispatch.take(SOURCE, alerts(1))).toBeDefined();
  });

  test('at the end it takes nothing more, and waits for what has begun', async () => {
    offer();
    const whenCommitted = dispatch.take(SOURCE, alerts(1))!;
    const seen: string[] = [];
    const closing = dispatch.onModuleDestroy().then(() => seen.push('closed'));
    expect(dispatch.take(SOURCE, alerts(1))).toBeUndefined();
    whenCommitted(alerts(1));
    await settled();
    expect([evaluated, seen]).toEqual([[['a-0']], []]);
    end[0]!();
    await closing;
  });
});
