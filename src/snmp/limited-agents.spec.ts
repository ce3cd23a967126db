import { DatagramClock } from '../../test/stand-ins/datagram-clock';
import {
  ber,
  getIn,
  integer,
  responseTo,
  startUdp,
  type Get,
  type StandIn,
} from '../../test/stand-ins/snmp-agents';
import type { Reading } from '../common/reading';
import { SnmpClient } from './snmp-client';

const BASE = '1.3.6.1.4.1.32584.2';
const TIMEOUT_MS = 1_000;
const TOO_BIG = 1;

describe('an agent that', () => {
  const clock = new DatagramClock();
  const client = new SnmpClient();
  const standIns: StandIn[] = [];
  let asked: number[];

  /** @param answer undefined: it stays silent */
  async function agent(answer: (get: Get) => Buffer | undefined, delayMs = 0): Promise<number> {
    const standIn = await startUdp((message, sender, socket) => {
      const get = getIn(message);
      asked.push(get.oids.length);
      const reply = answer(get);
      if (reply === undefined) return;
      setTimeout(() => socket.send(reply, sender.port, sender.address), delayMs);
    });
    standIns.push(standIn);
    return standIn.port;
  }

  const answerTo = (get: Get): Buffer =>
    responseTo(
      get,
      get.oids.map((oid) => [oid, integer(12)]),
    );

  async function poll(port: number, objects: number, retries = 1): Promise<Reading[]> {
    asked = [];
    const oids = Array.from({ length: objects }, (_, index) => `${BASE}.${index}.0`);
    const target = { host: '127.0.0.1', port, version: '2c', community: 'public' } as const;
    const { signal } = new AbortController();
    const outcomes = await clock.during(client.get(target, oids, { timeoutMs: TIMEOUT_MS, retries, signal }));
    return oids.map((oid) => outcomes.get(oid)!);
  }

  const all = (objects: number): Reading[] => Array<Reading>(objects).fill({ value: 12 });

  beforeEach(() => clock.start());
  afterEach(() => clock.stop());
  afterEach(() => Promise.all(standIns.splice(0).map((standIn) => standIn.close())));
  afterAll(() => client.onModuleDestroy());

  it.each([
    [10, 15, 1],
    [1, 3, 1],
    [1, 40, 1],
    [7, 100, 1],
    [10, 15, 0],
    [3, 20, 3],
    [39, 40, 2],
  ])(
    'drops questions of more than %d objects is read, %d of them, with %d retries',
    async (limit, objects, retries) => {
      const port = await agent((get) => (get.oids.length > limit ? undefined : answerTo(get)));
      const polls = 7;
      for (let n = 0; n < polls; n++) expect(await poll(port, objects, retries)).toEqual(all(objects));
      // What was learned of it: no question stays without answer any more, and it is not asked one by one.
      expect(await poll(port, objects, retries)).toEqual(all(objects));
      expect(Math.max(...asked)).toBeLessThanOrEqual(limit);
      expect(asked.length).toBeLessThanOrEqual(Math.ceil(objects / Math.max(1, limit / 4)));
    },
  );

  it('says that it is too big is asked for less, next time at once', async () => {
    const port = await agent((get) => (get.oids.length > 6 ? responseTo(get, [], TOO_BIG) : answerTo(get)));
    for (let n = 0; n < 6; n++) expect(await poll(port, 30)).toEqual(all(30));
    expect(await poll(port, 30)).toEqual(all(30));
    expect(Math.max(...asked)).toBeLessThanOrEqual(6);
  });

  it('answers the first ten alone is asked for ten', async () => {
    const port = await agent((get) => answerTo({ ...get, oids: get.oids.slice(0, 10) }));
    for (let n = 0; n < 7; n++) expect(await poll(port, 25)).toEqual(all(25));
    expect(Math.max(...asked)).toBeLessThanOrEqual(10);
  });

  const unreadOf = (readings: readonly Reading[]) =>
    readings.flatMap((reading, index) => ('error' in reading ? [index] : []));
  const silentAbout = (...objects: number[]) =>
    agent((get) =>
      objects.some((object) => get.oids.includes(`${BASE}.${object}.0`)) ? undefined : answerTo(get),
    );

  it.each([1, 2, 4, 11])('is silent about object %d of twelve costs none of the others', async (silent) => {
    const port = await silentAbout(silent);
    for (let n = 0; n < 5; n++) expect(unreadOf(await poll(port, 12))).toEqual([silent]);
    // The others together again, and it alone, after them.
    expect(asked).toEqual([11, 1, 1]);
  });

  it.each([2, 3, 12])(
    'is silent about the very one of %d that it is asked for alone first costs the others that poll',
    async (objects) => {
      const port = await silentAbout(0);
      expect(unreadOf(await poll(port, objects))).toHaveLength(objects);
      for (let n = 0; n < 5; n++) expect(unreadOf(await poll(port, objects))).toEqual([0]);
    },
  );

  it('is silent about several is asked for each alone, after the others', async () => {
    const port = await silentAbout(0, 1, 7, 8, 9, 10);
    for (let n = 0; n < 6; n++) await poll(port, 30);
    for (let n = 0; n < 4; n++) expect(unreadOf(await poll(port, 30))).toEqual([0, 1, 7, 8, 9, 10]);
  });

  it('is silent about one for a while is asked for it with the others again', async () => {
    let isSilent = true;
    const port = await agent((get) =>
      isSilent && get.oids.includes(`${BASE}.3.0`) ? undefined : answerTo(get),
    );
    for (let n = 0; n < 3; n++) await poll(port, 5);
    isSilent = false;
    expect(await poll(port, 5)).toEqual(all(5));
    expect(await poll(port, 5)).toEqual(all(5));
    expect(asked).toEqual([5]);
  });

  it('is not there is asked three times for many objects, and said to have given no answer', async () => {
    const port = await agent(() => undefined);
    for (let n = 0; n < 3; n++) {
      for (const reading of await poll(port, 40))
        expect(reading).toMatchObject({ error: expect.stringMatching('no answer in 1 s') });
      expect(asked).toHaveLength(3);
    }
  });

  it('is slow is waited for, and keeps its questions', async () => {
    const port = await agent(answerTo, TIMEOUT_MS * 0.6);
    for (let n = 0; n < 3; n++) expect(await poll(port, 15)).toEqual(all(15));
    await poll(port, 15);
    expect(Math.max(...asked)).toBe(15);
  });

  it('comes back is asked for everything at once again', async () => {
    let isThere = false;
    const port = await agent((get) => (isThere ? answerTo(get) : undefined));
    await poll(port, 15);
    isThere = true;
    expect(await poll(port, 15)).toEqual(all(15));
    expect(asked).toEqual([15]);
  });

  describe('has counters of 32 bits', () => {
    const UP_TIME = '1.3.6.1.2.1.1.3.0';
    const counter = ber(0x41, Buffer.from([0x0f]));
    const ticks = (value: number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return ber(0x43, bytes);
    };
    const sinceOf = (reading: Reading | undefined) =>
      reading !== undefined && 'value' in reading ? reading.counter32?.since : undefined;

    it('tells since when they count, with them', async () => {
      const port = await agent((get) =>
        responseTo(
          get,
          get.oids.map((oid) => [oid, oid === UP_TIME ? ticks(12_300) : counter]),
        ),
      );
      for (const questions of [[2, 1], [3]]) {
        const [reading] = await poll(port, 2);
        expect(reading).toMatchObject({ value: 15 });
        expect(Math.abs(Date.now() - 123_000 - sinceOf(reading)!)).toBeLessThan(5_000);
        expect(asked).toEqual(questions);
      }
    });

    it.each([
      ['counts there too', counter],
      ['has no sysUpTime', ber(0x80)],
      ['says a text', ber(0x04, Buffer.from('long'))],
    ])('and %s is read all the same, and asked for it once', async (_, upTime) => {
      const port = await agent((get) =>
        responseTo(
          get,
          get.oids.map((oid) => [oid, oid === UP_TIME ? upTime : counter]),
        ),
      );
      for (const questions of [[2, 1], [2], [2]]) {
        expect(await poll(port, 2)).toEqual([
          { value: 15, counter32: {} },
          { value: 15, counter32: {} },
        ]);
        expect(asked).toEqual(questions);
      }
    });
  });
});
