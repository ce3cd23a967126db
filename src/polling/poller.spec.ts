import { telemetry } from '../common/telemetry';
import type { Metric } from '../metrics/metric';
import type { Reading } from '../common/reading';
import type { Polled, Polling } from './polled';
import { Poller } from './poller';
import type { Opened, Read } from './reads';

interface Params {
  target: string;
  object: string;
}

interface Asked {
  params: Params[];
  /** The list as it was handed over. */
  given: readonly Params[];
  answer(readings?: (Reading | undefined)[]): void;
}

/** A mapping that answers when it is told to. */
class Slow implements Metric<Params> {
  asked: Asked[] = [];

  read = (): Promise<number> => Promise.reject(new Error('not used'));

  readMany(params: readonly Params[]): Promise<Reading[]> {
    return new Promise((resolve) => {
      const answer: Asked['answer'] = (readings = params.map(({ object }) => ({ value: Number(object) }))) =>
        resolve(readings as Reading[]);
      this.asked.push({ params: [...params], given: params, answer });
    });
  }
}

describe('the poller', () => {
  const poller = new Poller();
  let slow: Slow;

  beforeEach(() => {
    slow = new Slow();
  });

  const opened = (target: string, object: string, asksForNodes = false): Opened => ({
    strategy: slow,
    params: { target, object },
    question: `${target}/${object}`,
    group: target,
    asksForNodes,
  });
  const read = (open: () => Opened): Read => ({
    type: 'slow',
    timeoutMs: 5_000,
    isFixed: true,
    look: () => undefined,
    open,
  });
  const service = (objects: Record<string, string>, target = 'a', nodesOf?: string): Polled => ({
    reads: Object.fromEntries(
      Object.entries(objects).map(([metric, object]) => [
        metric,
        read(() => opened(target, object, nodesOf !== undefined)),
      ]),
    ),
    nodesOf,
    countNodes: () => Promise.resolve(1),
    listNodes: () => Promise.resolve([]),
  });

  /** Everything that comes of it, once all are answered. */
  async function polled(services: Polled[], patienceMs?: number): Promise<Polling<Polled>[]> {
    const all: Polling<Polled>[] = [];
    for await (const wave of poller.poll(services, patienceMs)) all.push(...wave);
    return all;
  }
  const answerAll = () => slow.asked.forEach(({ answer }) => answer());
  const turn = () => new Promise(setImmediate);
  const readingsOf = (pollings: Polling<Polled>[], one: Polled) =>
    pollings.find((polling) => polling.polled === one)!.readings;

  it('asks the same question once, within a service and of several, and all get the answer', async () => {
    const one = service({ load: '1', again: '1', other: '2' });
    const two = service({ cpu: '2', disk: '3', busy: '1' });
    const result = polled([one, two]);
    await turn();
    expect(slow.asked.map(({ params }) => params.map(({ object }) => object))).toEqual([['1', '2', '3']]);
    answerAll();
    const done = await result;
    expect(readingsOf(done, one)).toEqual({ load: { value: 1 }, again: { value: 1 }, other: { value: 2 } });
    expect(readingsOf(done, two)).toEqual({ cpu: { value: 2 }, disk: { value: 3 }, busy: { value: 1 } });
  });

  it('asks the same of each poll anew, and others who join do not stay', async () => {
    const [one, two] = [service({ load: '1' }), service({ load: '2' })];
    for (const services of [[one, two], [one], [two, one]]) {
      slow.asked = [];
      const result = polled(services);
      await turn();
      expect(slow.asked[0]!.params).toHaveLength(services.length);
      answerAll();
      expect(readingsOf(await result, one)).toEqual({ load: { value: 1 } });
    }
  });

  it('asks the same services the very same at every poll, so that mappings can keep what they make of it', async () => {
    const [one, two, three] = [service({ load: '1' }), service({ load: '2' }), service({ load: '3' })];
    const lists: (readonly Params[])[] = [];
    for (const services of [
      [one, two],
      [one, two],
      [one, two, three],
      [one, two],
    ]) {
      slow.asked = [];
      const result = polled(services);
      await turn();
      lists.push(slow.asked[0]!.given);
      answerAll();
      for (const [index, own] of services.entries())
        expect(readingsOf(await result, own)).toEqual({ load: { value: index + 1 } });
    }
    expect(lists[1]).toBe(lists[0]);
    expect(lists.slice(2).map(({ length }) => length)).toEqual([3, 2]);
  });

  it('reads a service anew whose reads are others, though it is a copy of one that was polled', async () => {
    const one = service({ load: '1' });
    const { reads } = service({ disk: '2' });
    for (const [polledNow, expected] of [
      [one, { load: { value: 1 } }],
      [{ ...one, reads }, { disk: { value: 2 } }],
    ] as const) {
      slow.asked = [];
      const result = polled([polledNow]);
      await turn();
      answerAll();
      expect(readingsOf(await result, polledNow)).toEqual(expected);
    }
  });

  it('does not share what is about the nodes of one infrastructure with another', async () => {
    const services = ['web', 'web', 'shop'].map((infrastructure) => service({ n: '1' }, 'a', infrastructure));
    const result = polled(services);
    await turn();
    expect(slow.asked).toHaveLength(2);
    answerAll();
    expect(await result).toHaveLength(3);
  });

  it('lets a service go on as soon as its own reads are back', async () => {
    const [quick, late] = [service({ load: '1' }, 'quick'), service({ load: '2' }, 'late')];
    const waves = poller.poll([quick, late]);
    const first = waves.next();
    await turn();
    slow.asked.find(({ params }) => params[0]!.target === 'quick')!.answer();
    expect((await first).value).toMatchObject([
      { polled: quick, index: 0, readings: { load: { value: 1 } } },
    ]);
    const second = waves.next();
    slow.asked.find(({ params }) => params[0]!.target === 'late')!.answer();
    expect((await second).value).toMatchObject([
      { polled: late, index: 1, readings: { load: { value: 2 } } },
    ]);
    expect((await waves.next()).done).toBe(true);
  });

  it('takes what is no finite number, or no answer, or no mapping, as not read', async () => {
    const broken: Polled = {
      ...service({ a: '1', b: '2', c: '3' }),
    };
    const reads = {
      ...broken.reads,
      d: read(() => {
        throw new Error('there is no such secret');
      }),
    };
    const one = { ...broken, reads };
    const result = polled([one, service({}), { ...one, reads: { d: reads.d } }]);
    await turn();
    slow.asked[0]!.answer([{ value: NaN }, { error: 'gone' }, undefined]);
    const done = await result;
    expect(done).toHaveLength(3);
    expect(readingsOf(done, one)).toEqual({
      a: { error: 'NaN is not a finite number' },
      b: { error: 'gone' },
      c: { error: 'the mapping gave no answer' },
      d: { error: 'there is no such secret' },
    });
  });

  it('leaves out what finds no room in time, counts it, and reads it at the next poll', async () => {
    const dropped = async () =>
      (await telemetry.pollsDropped.get()).values.find(({ labels }) => labels.reason === 'no_room')?.value ??
      0;
    const before = await dropped();
    const many = Array.from({ length: 600 }, (_, index) => service({ load: '1' }, `host-${index}`));
    const result = polled(many, 20);
    await turn();
    expect(slow.asked).toHaveLength(512);
    await new Promise((resolve) => setTimeout(resolve, 40));
    answerAll();
    expect(await result).toHaveLength(512);
    expect((await dropped()) - before).toBe(88);
    slow.asked = [];
    const next = polled(many.slice(512), 1_000);
    await turn();
    answerAll();
    expect(await next).toHaveLength(88);
  });
});
