/** The ledger on a real PostgreSQL: intervals without gaps, whoever writes them in whatever order. */
import fc from 'fast-check';
import { BEGIN, Line, type LineProcess } from '../../test/middle/line';
import { whileHeld } from '../../test/middle/while-held';
import { newId } from '../common/ids';
import type { Sql } from '../database/sql-pool';
import { LocalDispatch } from '../queue/local-dispatch';
import { initialState } from '../engine/evaluate';
import type { Reason } from '../engine/types';
import type { CompiledService } from './compiled-service';
import { Ledger } from './ledger';
import type { LedgerEntry, LockedState } from './ledger-entry';

const SECOND = 1_000;
const NOTHING_CHANGED = { scalings: [], asks: [] };
const at = (seconds: number) => new Date(BEGIN.getTime() + seconds * SECOND);

describe('the ledger', () => {
  let line: Line;
  let reader: LineProcess;
  let ledger: Ledger;
  const compiled = new Map<string, CompiledService>();

  beforeAll(async () => {
    line = await Line.open();
    reader = await line.process();
    ledger = new Ledger(line.database);
  });
  beforeEach(async () => {
    await line.clear();
    const names = ['a', 'b', 'c'];
    for (const name of names) await line.service(name);
    const seen = await reader.see(Object.fromEntries(names.map((name) => [name, 0])));
    for (const { snapshot } of seen) compiled.set(snapshot.compiled.service.name, snapshot.compiled);
  });
  afterAll(() => line.end());

  interface Told {
    when: Date;
    reason?: Reason;
    /** Goes on with the open interval. */
    goesOn?: boolean;
    wasAhead?: boolean;
  }

  function entryOf(name: string, before: LockedState, told: Told): LedgerEntry {
    const one = compiled.get(name)!;
    const { when, reason = 'holding', goesOn = false, wasAhead } = told;
    const state = { ...initialState(one.rule, when.getTime()), reason };
    return {
      compiled: one,
      at: when,
      state,
      isFirst: before.state === undefined,
      closes: goesOn ? undefined : before.decisionId,
      decisionId: goesOn ? before.decisionId! : newId(),
      opensInterval: !goesOn,
      explanation: '',
      why: {} as LedgerEntry['why'],
      values: {},
      wasAhead,
    };
  }

  /** Writes what is told of some services in one transaction, as the evaluator does. */
  const commit = (names: readonly string[], tell: (name: string) => Told) =>
    line.database.keyed.transaction(async (sql: Sql) => {
      const { states } = await ledger.lock(
        sql,
        names.map((name) => compiled.get(name)!.service),
      );
      const entries = names.flatMap((name) => {
        const before = states.get(line.idOf(name));
        return before === undefined ? [] : [entryOf(name, before, tell(name))];
      });
      await ledger.write(sql, entries, NOTHING_CHANGED, new LocalDispatch().places());
    });

  /** Claims what always holds of a service that was evaluated. */
  async function expectNoGap(name: string): Promise<void> {
    const intervals = await line.decisions(name);
    const ends = intervals.map(({ to }) => to);
    expect(ends.slice(0, -1)).toEqual(intervals.slice(1).map(({ from }) => from));
    expect(ends.at(-1)).toBeNull();
    const [row] = await line.database.rows<{ isOpen: boolean }>(
      `SELECT d.ended_at IS NULL AS "isOpen" FROM service_states s JOIN decisions d ON d.id = s.decision_id WHERE s.service_id = $1`,
      [line.idOf(name)],
    );
    expect(row).toEqual({ isOpen: true });
  }

  test('has no gap and one open interval for each service, however commits interleave', async () => {
    const batch = fc.subarray(['a', 'b', 'c'], { minLength: 1 }).chain((names) =>
      fc.record({
        names: fc.shuffledSubarray(names, { minLength: names.length }),
        goesOn: fc.boolean(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 2, maxLength: 10 }), async (batches) => {
        await line.database.rows('TRUNCATE service_states, decisions');
        let seconds = 0;
        const counts = new Map<string, number>();
        await Promise.all(
          batches.map(({ names, goesOn }) =>
            commit(names, (name) => {
              const isFirst = !counts.has(name);
              if (isFirst || !goesOn) counts.set(name, (counts.get(name) ?? 0) + 1);
              return { when: at(++seconds), goesOn: goesOn && !isFirst };
            }),
          ),
        );
        for (const [name, count] of counts) {
          expect(await line.decisions(name)).toHaveLength(count);
          await expectNoGap(name);
        }
      }),
      { numRuns: 20, seed: 20_261_130 },
    );
  });

  test('keeps a first state once: whoever comes second goes on from it', async () => {
    let seconds = 0;
    await whileHeld(line.database, {
      hold: (sql) => sql.rows('SELECT FROM services FOR UPDATE'),
      begin: () => Promise.all([1, 2].map(() => commit(['a'], () => ({ when: at(++seconds) })))),
      waiting: 2,
    });
    expect(await line.database.rows('SELECT FROM service_states')).toHaveLength(1);
    expect(await line.decisions('a')).toMatchObject([
      { from: at(1), to: at(2) },
      { from: at(2), to: null },
    ]);
  });

  test('waits for nobody who has locked other services', async () => {
    await line.database.transaction(async (sql) => {
      await sql.rows('SELECT FROM services WHERE id = $1 FOR UPDATE', [line.idOf('b')]);
      await commit(['a', 'c'], () => ({ when: at(1) }));
    });
    expect(await line.decisions('a')).toHaveLength(1);
  });

  test('locks what there is: a service that is gone has no state', async () => {
    await line.database.rows('DELETE FROM services WHERE id = $1', [line.idOf('b')]);
    await commit(['a', 'b'], () => ({ when: at(1) }));
    expect([await line.decisions('a'), await line.decisions('b')]).toMatchObject([[{ from: at(1) }], []]);
  });

  test.each<[string, Told, { from: Date; to: Date | null }[]]>([
    ['ends the open interval and begins the next', { when: at(60) }, [
      { from: at(10), to: at(60) },
      { from: at(60), to: null },
    ]],
    ['begins an interval of the future no later than it ends', { when: at(5) }, [
      { from: at(5), to: at(5) },
      { from: at(5), to: null },
    ]],
    ['goes on with the open interval', { when: at(60), goesOn: true }, [{ from: at(10), to: null }]],
    ['leaves the beginning alone of one that was not ahead', { when: at(5), goesOn: true }, [{ from: at(10), to: null }]],
    ['sets the beginning back of one that was ahead', { when: at(5), goesOn: true, wasAhead: true }, [{ from: at(5), to: null }]],
    ['sets nothing forward', { when: at(60), goesOn: true, wasAhead: true }, [{ from: at(10), to: null }]],
  ])('%s', async (_, told, wanted) => {
    await commit(['a', 'b'], () => ({ when: at(10) }));
    await commit(['a'], () => told);
    expect(await line.decisions('a')).toMatchObject(wanted);
    expect(await line.decisions('b')).toMatchObject([{ from: at(10), to: null }]);
  }); // prettier-ignore
});
