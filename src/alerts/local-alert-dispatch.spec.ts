import { Unavailable } from '../common/errors';
import { LocalAlertDispatch, ALERTS_AT_ONCE, SLOTS, type LocalEvaluation } from './local-alert-dispatch';
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

  const offering = (given: Partial<LocalEvaluation>) =>
    dispatch.offer({
      insertEvaluated: () => Promise.resolve(undefined),
      evaluate: () => Promise.resolve(),
      ...given,
    });
  const offer = () =>
    offering({
      evaluate: async (_source, _alerts, committed) => {
        evaluated.push((await committed).map(({ id }) => id));
        await new Promise<void>((resolve) => end.push(resolve));
      },
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
    offering({
      evaluate: async (_source, _alerts, committed) => {
        await committed;
        throw new Error('it fails');
      },
    });
    const taken = Array.from({ length: SLOTS }, () => dispatch.take(SOURCE, alerts(1))!);
    expect(dispatch.take(SOURCE, alerts(1))).toBeUndefined();
    taken[0]!([]);
    await settled();
    expect(dispatch.take(SOURCE, alerts(1))).toBeDefined();
  });

  describe('evaluated in the transaction that inserts them', () => {
    const insertion = (count = 1) =>
      dispatch.insertEvaluated(SOURCE, alerts(count), '1', () => Promise.resolve(true));

    test('nobody does so where nobody evaluates, nor with more than go together', async () => {
      expect(await insertion()).toBe(false);
      offering({ insertEvaluated: () => Promise.resolve(() => Promise.resolve()) });
      expect([await insertion(1), await insertion(ALERTS_AT_ONCE + 1)]).toEqual([true, false]);
    });

    test('they are accepted before what follows is done, which keeps its place until then', async () => {
      offering({
        insertEvaluated: () =>
          Promise.resolve(() => new Promise<void>((resolve) => end.push(() => resolve()))),
      });
      for (let place = 0; place < SLOTS; place++) expect(await insertion()).toBe(true);
      expect(await insertion()).toBe(false);
      end[0]!();
      await settled();
      expect(await insertion()).toBe(true);
    });

    test('what fails of what follows is no failure of the alerts, and makes room', async () => {
      offering({ insertEvaluated: () => Promise.resolve(() => Promise.reject(new Error('Redis is away'))) });
      for (let place = 0; place <= SLOTS; place++) {
        expect(await insertion()).toBe(true);
        await settled();
      }
    });

    test('they are inserted another way where evaluating fails, but not where nobody knows whether they are', async () => {
      offering({ insertEvaluated: () => Promise.reject(new Error('a mistake of ours')) });
      for (let place = 0; place <= SLOTS; place++) expect(await insertion()).toBe(false);
      offering({ insertEvaluated: () => Promise.reject(new Unavailable('PostgreSQL is away')) });
      for (let place = 0; place <= SLOTS; place++) await expect(insertion()).rejects.toThrow(Unavailable);
    });
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
