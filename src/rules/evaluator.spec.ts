/** Evaluation under locks, on a real PostgreSQL: what is decided when others change what was seen. */
import { Logger } from '@nestjs/common';
import { BEGIN, Line, type LineProcess } from '../../test/middle/line';
import { whileHeld } from '../../test/middle/while-held';
import { until } from '../../test/program';
import { telemetry } from '../common/telemetry';
import { newId } from '../common/ids';
import type { ServiceRow } from '../database/entities';
import { UNDER_LOCKS } from '../database/under-locks';
import type { Sql } from '../database/sql-pool';
import type { ClaimedExecution } from '../queue/claimed-execution';
import { SLOTS } from '../queue/local-dispatch';
import { RulesChanged, type Alongside } from './evaluator';
import type { ServiceObservation } from './service-observation';

const LOCK_OF_EVALUATIONS = 'SELECT FROM services ORDER BY id FOR UPDATE';
const nothingElse = () => Promise.resolve();

describe('the evaluator', () => {
  let line: Line;
  let one: LineProcess;
  let other: LineProcess;

  beforeAll(async () => {
    line = await Line.open();
    [one, other] = [await line.process(), await line.process()];
  });
  beforeEach(() => line.clear());
  afterEach(() => Promise.all([one, other].map(({ dispatch }) => dispatch.close())));
  afterAll(() => line.end());

  const acting = async (name: string, given: Partial<ServiceRow> = {}) =>
    line.service(name, { actionIds: [await line.action(`${name}-action`)], ...given });
  const ofServices = async () => (await line.executions()).map(({ service }) => service).sort();

  /** Has both processes evaluate while neither can lock, so that they meet there. */
  const meeting = (first: ServiceObservation[], second: ServiceObservation[]) =>
    whileHeld(line.database, {
      hold: (sql) => sql.rows(LOCK_OF_EVALUATIONS),
      begin: () => Promise.all([one.evaluator.evaluate(first), other.evaluator.evaluate(second)]),
      waiting: 2,
    });

  /** The same of services that have only their infrastructures in common. */
  async function sharing(...evaluations: (() => Promise<unknown>)[]): Promise<void> {
    await line.database.rows(
      'INSERT INTO infrastructure_states (infrastructure_id) SELECT id FROM infrastructures',
    );
    await whileHeld(line.database, {
      hold: (sql) => sql.rows('SELECT FROM infrastructure_states FOR UPDATE'),
      begin: () => Promise.all(evaluations.map((evaluate) => evaluate())),
      waiting: evaluations.length,
    });
  }

  describe('of two processes at once', () => {
    test.each(['that was never evaluated', 'that was ok'])(
      'triggers once for a service %s',
      async (before) => {
        await acting('a');
        if (before === 'that was ok') await one.evaluator.evaluate(await one.see({ a: 0 }));
        line.clock.advance(10);
        await meeting(await one.see({ a: 2 }), await other.see({ a: 2 }));
        expect((await line.reasons('a')).filter((reason) => reason === 'triggered')).toHaveLength(1);
        expect(await ofServices()).toEqual(['a']);
        expect(line.queued).toHaveLength(1);
      },
    );

    test('gives the last place of an infrastructure away once', async () => {
      await line.infrastructure('web', 4);
      for (const name of ['a', 'b']) await line.scaling(name, 'web');
      const [first, second] = [await one.see({ a: 2 }), await other.see({ b: 2 })];
      await sharing(
        () => one.evaluator.evaluate(first),
        () => other.evaluator.evaluate(second),
      );
      const reasons = [...(await line.reasons('a')), ...(await line.reasons('b'))];
      expect(reasons.sort()).toEqual(['at_max_nodes', 'triggered']);
      expect(await line.executions()).toHaveLength(1);
    });

    test('batches of the same services in other orders wait for each other, and never for good', async () => {
      const names = ['a', 'b', 'c', 'd'];
      for (const infrastructure of ['x', 'y']) await line.infrastructure(infrastructure, 1, { maxNodes: 50 });
      for (const [index, name] of names.entries())
        await line.scaling(name, index % 2 === 0 ? 'x' : 'y', { wisdomSeconds: 1 });
      for (let round = 0; round < 6; round++) {
        line.clock.advance(10);
        const load = round % 2 === 0 ? 2 : 0;
        const loads = (order: string[]) => Object.fromEntries(order.map((name) => [name, load]));
        await meeting(await one.see(loads(names)), await other.see(loads(names.toReversed())));
      }
      for (const name of names)
        expect(await line.reasons(name)).toEqual([1, 2, 3].flatMap(() => ['triggered', 'condition_false']));
    });

    test('batches of other services in other orders share infrastructures without a deadlock', async () => {
      for (const infrastructure of ['x', 'y']) await line.infrastructure(infrastructure, 1);
      for (const name of ['a', 'c']) await line.scaling(name, 'x');
      for (const name of ['b', 'd']) await line.scaling(name, 'y');
      const [first, second] = [await one.see({ a: 2, b: 2 }), await other.see({ d: 2, c: 2 })];
      // As news: polled ones are grouped by infrastructure.
      await sharing(
        () => one.evaluator.evaluateNews(first, nothingElse),
        () => other.evaluator.evaluateNews(second, nothingElse),
      );
      expect(await ofServices()).toEqual(['a', 'b', 'c', 'd']);
    });
  });

  describe('of a snapshot that is outdated', () => {
    /** Sees a breach, has something change, and evaluates what was seen before. */
    async function changedMeanwhile(change: () => Promise<unknown>): Promise<string[]> {
      const seen = await one.see({ a: 2 });
      await change();
      await one.evaluator.evaluate(seen);
      return line.reasons('a');
    }

    test('goes by the state under the lock', async () => {
      await acting('a');
      const reasons = await changedMeanwhile(async () => {
        line.clock.set(new Date(BEGIN.getTime() - 1_000));
        await other.evaluator.evaluate(await other.see({ a: 2 }));
        line.clock.set(BEGIN);
      });
      expect(reasons).toEqual(['triggered', 'wisdom']);
    });

    test('says nothing that a newer evaluation has not said', async () => {
      await acting('a');
      const reasons = await changedMeanwhile(async () => {
        line.clock.advance(1);
        await other.evaluator.evaluate(await other.see({ a: 2 }));
      });
      expect(reasons).toEqual(['triggered']);
    });

    test('says nothing of a rule that was changed', async () => {
      const row = await acting('a');
      expect(await changedMeanwhile(() => line.change(row, { condition: 'load > 5' }))).toEqual([]);
    });

    test('is not decided as news where its rule was changed: what came with it is undone', async () => {
      const row = await acting('a');
      const seen = await one.see({ a: 2 });
      await line.change(row, { condition: 'load > 5' });
      const noting: Alongside = (sql) =>
        sql.rows(`UPDATE services SET description = 'noted' WHERE id = $1`, [line.idOf('a')]);
      await expect(one.evaluator.evaluateNews(seen, noting)).rejects.toThrow(RulesChanged);
      expect(await line.database.rows('SELECT description FROM services')).toEqual([{ description: '' }]);
      expect(await line.reasons('a')).toEqual([]);
    });

    test('acts on nothing once the kill switch is on', async () => {
      await acting('a');
      expect(await changedMeanwhile(() => line.setKillSwitch(true))).toEqual(['kill_switch']);
      expect(await line.executions()).toEqual([]);
    });

    test('acts on nothing once it is silenced', async () => {
      await acting('a');
      expect(await changedMeanwhile(() => line.silence('a'))).toEqual(['silenced']);
      expect(await line.executions()).toEqual([]);
    });

    test('leaves out a service that was deleted, and no other', async () => {
      for (const name of ['a', 'gone', 'z']) await acting(name);
      const seen = await one.see({ a: 2, gone: 2, z: 2 });
      await line.database.rows('DELETE FROM services WHERE id = $1', [line.idOf('gone')]);
      await one.evaluator.evaluate(seen);
      expect(await ofServices()).toEqual(['a', 'z']);
      expect(await line.decisions('gone')).toEqual([]);
    });
  });

  describe('where nodes turn out to be needed under the lock', () => {
    test('all is undone, they are counted without a lock, and all is done', async () => {
      await line.infrastructure('web', 1);
      await line.scaling('a', 'web');
      await acting('b');
      await line.setKillSwitch(true);
      const seen = await one.see({ b: 2, a: 2 });
      await line.setKillSwitch(false);
      line.onCount = async () => {
        expect(await line.executions()).toEqual([]);
        await line.database.transaction((sql) => sql.rows(`${LOCK_OF_EVALUATIONS} NOWAIT`));
      };
      await one.evaluator.evaluate(seen);
      expect(line.counted).toEqual(['web']);
      expect(await ofServices()).toEqual(['a', 'b']);
      expect([await line.reasons('a'), await line.reasons('b')]).toEqual([['triggered'], ['triggered']]);
    });

    /** Each service is silenced until the nodes of the one before it are counted: each round needs another count. */
    async function oneAfterTheOther(services: number): Promise<ServiceObservation[]> {
      const names = Array.from({ length: services }, (_, index) => `s-${index}`);
      for (const name of names) {
        await line.infrastructure(`of-${name}`, 1);
        await line.scaling(name, `of-${name}`);
        await line.silence(name);
      }
      const seen = await one.see(Object.fromEntries(names.map((name) => [name, 2])));
      await line.unsilence('s-0');
      line.onCount = async (infrastructure) => {
        const next = names[names.findIndex((name) => infrastructure === `of-${name}`) + 1];
        if (next !== undefined) await line.unsilence(next);
      };
      return seen;
    }

    test('it is repeated as often as rules change meanwhile', async () => {
      await one.evaluator.evaluate(await oneAfterTheOther(3));
      expect(line.counted).toEqual(['of-s-0', 'of-s-1', 'of-s-2']);
      expect(await ofServices()).toEqual(['s-0', 's-1', 's-2']);
    });

    test('it is given up after four rounds, with nothing written', async () => {
      const seen = await oneAfterTheOther(6);
      await expect(one.evaluator.evaluate(seen)).rejects.toThrow('nodes must be counted first');
      expect(line.counted).toHaveLength(3);
      expect(await line.executions()).toEqual([]);
      expect(await line.reasons('s-0')).toEqual([]);
      line.onCount = nothingElse;
      await one.evaluator.evaluate(seen.slice(0, 4));
      expect(await ofServices()).toEqual(['s-0', 's-1', 's-2', 's-3']);
    });

    test('nodes that can not be counted are a reason, and not asked for again', async () => {
      await line.infrastructure('web', 1);
      line.nodes.delete('web');
      await line.scaling('a', 'web');
      await one.evaluator.evaluate(await one.see({ a: 2 }));
      expect([await line.reasons('a'), line.counted]).toEqual([['nodes_unknown'], ['web']]);
    });
  });

  describe('where one of a batch can not be evaluated', () => {
    const broken = ({ snapshot, ...seen }: ServiceObservation): ServiceObservation => {
      const fails = () => {
        throw new Error('no such function');
      };
      const { compiled } = snapshot;
      const rule = { ...compiled.rule, condition: fails };
      return { ...seen, snapshot: { ...snapshot, compiled: { ...compiled, rule } } };
    };
    const skipped = async () => (await telemetry.servicesSkipped.get()).values[0]!.value;

    test.each(['without a lock', 'under the locks'])(
      '%s, it is counted and the others are committed',
      async (where) => {
        const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
        try {
          for (const name of ['a', 'bad', 'z']) await acting(name);
          const [a, bad, z] = await one.see({ a: 2, bad: 2, z: 2 });
          const before = await skipped();
          const evaluate = () =>
            where === 'without a lock'
              ? one.evaluator.evaluate([a!, broken(bad!), z!])
              : one.evaluator.evaluateNews([a!, broken(bad!), z!], nothingElse);
          await evaluate();
          await evaluate();
          expect(await skipped()).toBe(before + 2);
          expect(await ofServices()).toEqual(['a', 'z']);
          expect(await line.decisions('bad')).toEqual([]);
          // Said once, until its definition changes.
          expect(errors.mock.calls).toEqual([
            [expect.stringMatching(/^service bad is skipped: .*no such function/)],
          ]);
        } finally {
          errors.mockRestore();
        }
      },
    );
  });

  describe('with work of the caller in its transaction', () => {
    const note = (sql: Sql) => sql.rows(`INSERT INTO notes VALUES ('done')`);
    const noted = async () => (await line.database.rows('DELETE FROM notes RETURNING note')).length;
    beforeAll(() =>
      line.database.rows('CREATE TABLE notes (note text UNIQUE DEFERRABLE INITIALLY DEFERRED)'),
    );

    test('both are done', async () => {
      await acting('a');
      await one.evaluator.evaluateNews(await one.see({ a: 2 }), note);
      expect([await noted(), await ofServices()]).toEqual([1, ['a']]);
    });

    test('the failure of that undoes all, and begins nothing', async () => {
      await acting('a');
      const [execute, notBegun] = [jest.fn(), jest.fn()];
      one.dispatch.offer({ worker: newId(), execute, notBegun });
      const fails = async (sql: Sql) => {
        await note(sql);
        throw new Error('taken by somebody else');
      };
      await expect(one.evaluator.evaluateNews(await one.see({ a: 2 }), fails)).rejects.toThrow(
        'taken by somebody',
      );
      expect([await noted(), await line.executions(), await line.decisions('a')]).toEqual([0, [], []]);
      expect([execute.mock.calls, line.queued]).toEqual([[], []]);
    });

    test('a failure as late as the commit begins nothing, and gives places back', async () => {
      await acting('a');
      const [execute, notBegun] = [jest.fn(), jest.fn()];
      one.dispatch.offer({ worker: newId(), execute, notBegun });
      // It is looked for by the COMMIT.
      const twice = (sql: Sql) => Promise.all([note(sql), note(sql)]);
      await expect(one.evaluator.evaluateNews(await one.see({ a: 2 }), twice)).rejects.toThrow(
        'duplicate key',
      );
      expect([await noted(), await line.executions(), execute.mock.calls]).toEqual([0, [], []]);
      // The answer to a COMMIT may be lost, too: whoever was to carry it out looks whether it was made.
      expect(notBegun).toHaveBeenCalledTimes(1);
      const places = one.dispatch.places();
      expect(places.reserve(SLOTS)).toMatchObject({ count: SLOTS });
      places.end();
    });

    test('it is done once, though all was repeated for a count', async () => {
      await line.infrastructure('web', 1);
      await line.scaling('a', 'web');
      await one.evaluator.evaluateNews(await one.see({ a: 2 }), note);
      expect([line.counted, await noted()]).toEqual([['web'], 1]);
    });

    describe('at once', () => {
      const revision = async () =>
        (await line.database.rows<{ revision: string }>('SELECT revision FROM definition_revision'))[0]!
          .revision;
      const atOnce = async (seen: ServiceObservation[], ofRevision?: string) =>
        one.evaluator.evaluateAtOnce(seen, ofRevision ?? (await revision()), note);
      const nothing = async () =>
        expect([await noted(), await line.executions(), await line.decisions('a')]).toEqual([0, [], []]);

      test('both are done, and what is to be announced is left to the caller', async () => {
        await acting('a');
        const announce = await atOnce(await one.see({ a: 2 }));
        expect([await noted(), await ofServices(), line.queued]).toEqual([1, ['a'], []]);
        await announce!();
        expect(line.queued).toHaveLength(1);
      });

      test.each<[string, () => Promise<unknown>]>([
        ['a service that another has locked', () => line.database.rows('SELECT 1')],
        ['definitions that are changed', () => line.service('new')],
      ])('nothing is done, and nobody waits, for %s', async (what, change) => {
        await acting('a');
        const [seen, before] = [await one.see({ a: 2 }), await revision()];
        await change();
        const evaluated = () => atOnce(seen, before);
        const isLocked = what.startsWith('a service');
        const result = isLocked
          ? await line.database.transaction(async (sql) => {
              await sql.rows(LOCK_OF_EVALUATIONS);
              return evaluated();
            })
          : await evaluated();
        expect(result).toBeUndefined();
        await nothing();
      });

      test('what goes along with the locks knows whether all of them are had', async () => {
        for (const name of ['a', 'b']) await line.service(name);
        const told: boolean[] = [];
        const tells = async (sql: Sql) => {
          const [row] = await sql.rows<{ held: boolean | null }>(`SELECT ${UNDER_LOCKS} AS held`);
          told.push(row!.held === true);
        };
        const seen = await one.see({ a: 2, b: 2 });
        await line.database.transaction(async (sql) => {
          await sql.rows(`SELECT FROM services WHERE name = 'b' FOR UPDATE`);
          expect(await one.evaluator.evaluateAtOnce(seen, await revision(), tells)).toBeUndefined();
        });
        expect(await one.evaluator.evaluateAtOnce(seen, '0', tells)).toBeUndefined();
        expect(await one.evaluator.evaluateAtOnce(seen, await revision(), tells)).toBeDefined();
        expect(told).toEqual([false, false, true]);
      });

      test('nothing is done while nodes must be counted, nor for a rule that is another by now', async () => {
        await line.infrastructure('web', 1);
        const row = await line.scaling('a', 'web');
        const seen = await one.see({ a: 2 });
        expect(await atOnce(seen)).toBeUndefined();
        await line.change(row, { condition: 'load > 5' });
        expect(await atOnce(seen)).toBeUndefined();
        expect(line.counted).toEqual([]);
        await nothing();
      });

      test('what the caller throws undoes all', async () => {
        await acting('a');
        const seen = await one.see({ a: 2 });
        const fails = async (sql: Sql) => {
          await note(sql);
          throw new Error('there already');
        };
        await expect(one.evaluator.evaluateAtOnce(seen, await revision(), fails)).rejects.toThrow(
          'there already',
        );
        await nothing();
      });

      test('who changes a definition at the same time waits, or is not waited for', async () => {
        await acting('a');
        for (let round = 0; round < 10; round++) {
          line.clock.advance(3_600);
          const seen = await one.see({ a: round % 2 === 0 ? 2 : 0 });
          const [announce] = await Promise.all([atOnce(seen), line.service(`other-${round}`)]);
          if (announce === undefined) await one.evaluator.evaluateNews(seen, note);
          await line.database.rows('DELETE FROM notes');
        }
        expect(await line.reasons('a')).toEqual(
          Array.from({ length: 10 }, (_, round) => (round % 2 === 0 ? 'triggered' : 'condition_false')),
        );
      });
    });
  });

  describe('executions', () => {
    const worker = newId();
    let carriedOut: { id: string; written: unknown[] }[];
    let ends: (() => void)[];

    const notBegun = () => undefined;
    const execute = async ({ id }: ClaimedExecution) => {
      const written = await line.database.rows(
        'SELECT status, lease_owner AS worker FROM executions WHERE id = $1',
        [id],
      );
      carriedOut.push({ id, written });
      return new Promise<void>((resolve) => ends.push(resolve));
    };
    beforeEach(() => ([carriedOut, ends] = [[], []]));
    // The process waits for them when it closes.
    afterEach(() => ends.forEach((end) => end()));

    test('begin in the transaction of their decision where a place is reserved', async () => {
      await acting('a');
      one.dispatch.offer({ worker, execute, notBegun });
      await one.evaluator.evaluate(await one.see({ a: 2 }));
      await until(() => ends.length === 1, 2_000);
      const [written] = await line.executions();
      expect(written).toMatchObject({ status: 'running', worker });
      expect(carriedOut).toEqual([{ id: written!.id, written: [{ status: 'running', worker }] }]);
      expect(line.queued).toEqual([]);
    });

    const others: [string, () => Promise<unknown>][] = [
      ['nobody carries out here', () => acting('a')],
      ['no place is free', async () => {
        await acting('a');
        one.dispatch.offer({ worker, execute, notBegun });
        one.dispatch.places().reserve(SLOTS);
      }],
      ['this worker may be taken for dead', async () => {
        await acting('a');
        one.dispatch.offer({ worker: undefined, execute, notBegun });
      }],
      ['a limit of the action is to be counted', async () => {
        one.dispatch.offer({ worker, execute, notBegun });
        await line.service('a', { actionIds: [await line.action('limited', 1)] });
      }],
      ['a limit of the service is to be counted', async () => {
        one.dispatch.offer({ worker, execute, notBegun });
        await acting('a', { maxActionsPerHour: 5 });
      }],
    ]; // prettier-ignore

    test.each(others)('go over the queue where %s', async (_, prepare) => {
      // A process of its own: its places are taken for good.
      const before = one;
      one = await line.process();
      try {
        await prepare();
        await one.evaluator.evaluate(await one.see({ a: 2 }));
        const [written] = await line.executions();
        expect(written).toMatchObject({ status: 'queued', worker: null });
        expect([line.queued, carriedOut]).toEqual([[written!.id], []]);
      } finally {
        one = before;
      }
    });
  });
});
