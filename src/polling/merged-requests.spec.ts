/** Services of one agent that ask together read what each would read by itself, whatever the agent does. */
import fc from 'fast-check';
import {
  ber,
  getIn,
  integer,
  responseTo,
  startUdp,
  type Get,
  type StandIn,
} from '../../test/stand-ins/snmp-agents';
import { DatagramClock } from '../../test/stand-ins/datagram-clock';
import { hasSnmpd, startSnmpd } from '../../test/stand-ins/snmpd';
import type { Reading } from '../common/reading';
import { SnmpOid, SnmpOidParams } from '../metrics/mappings/snmp-oid.metric';
import { SnmpClient } from '../snmp/snmp-client';
import type { Polled } from './polled';
import { Poller } from './poller';
import type { Read } from './reads';

const BASE = '1.3.6.1.4.1.32584.9';
const OBJECTS = 60;
const TIMEOUT_MS = 3_000;
const TOO_BIG = 1;
const NO_SUCH_NAME = 2;
const ROUNDS = 3;
/** What the agents are like, others each time; `SEED=…` tries those of one that failed again. */
const SEEDS =
  process.env.SEED === undefined
    ? [4_711, ...Array.from({ length: 5 }, () => Math.floor(Math.random() * 2 ** 31))]
    : [Number(process.env.SEED)];

const oidOf = (object: number): string => `${BASE}.${object}.0`;
const objectIn = (oid: string): number => Number(oid.split('.').at(-2));

/** Of seven objects one is no number, one is not there, and one is a counter. */
function valueOf(oid: string): Buffer {
  const object = objectIn(oid);
  switch (object % 7) {
    case 3:
      return ber(0x04, Buffer.from('text'));
    case 4:
      return ber(0x80);
    case 5:
      return ber(0x41, Buffer.from([object]));
    default:
      return integer(1_000 + object);
  }
}

const answerTo = (get: Get, oids = get.oids): Buffer =>
  responseTo(
    get,
    oids.map((oid) => [oid, valueOf(oid)]),
  );

/** What agents do, by name; undefined: it stays silent. */
const BEHAVIOURS = {
  'answers all': (get: Get) => answerTo(get),
  'drops questions of more than 4': (get: Get) => (get.oids.length > 4 ? undefined : answerTo(get)),
  'finds more than 3 too big': (get: Get) =>
    get.oids.length > 3 ? responseTo(get, [], TOO_BIG) : answerTo(get),
  'answers the first 5 alone': (get: Get) => answerTo(get, get.oids.slice(0, 5)),
  'refuses a question for what is not there': (get: Get) => {
    const missing = get.oids.findIndex((oid) => objectIn(oid) % 7 === 4);
    return missing < 0 ? answerTo(get) : responseTo(get, [], NO_SUCH_NAME, missing + 1);
  },
  'is silent about one object': (get: Get) =>
    get.oids.some((oid) => objectIn(oid) === 8) ? undefined : answerTo(get),
  'says nothing': () => undefined,
};

const agents = fc.array(
  fc.record({
    behaviour: fc.constantFrom(...(Object.keys(BEHAVIOURS) as (keyof typeof BEHAVIOURS)[])),
    version: fc.constantFrom('1' as const, '2c' as const),
    services: fc.array(fc.array(fc.nat(OBJECTS - 1), { minLength: 1, maxLength: 4 }), {
      minLength: 2,
      maxLength: 25,
    }),
  }),
  { minLength: 5, maxLength: 9 },
);

describe('services of one agent', () => {
  const standIns: StandIn[] = [];
  const clients: SnmpClient[] = [];

  const mapping = (): SnmpOid => {
    const client = new SnmpClient();
    clients.push(client);
    return new SnmpOid(client);
  };

  afterEach(async () => {
    jest.restoreAllMocks();
    jest.useRealTimers();
    for (const client of clients.splice(0)) client.onModuleDestroy();
    await Promise.all(standIns.splice(0).map((standIn) => standIn.close()));
  });

  const paramsOf = (port: number, version: '1' | '2c', oid: string): SnmpOidParams =>
    Object.assign(new SnmpOidParams(), { host: '127.0.0.1', port, version, oid });

  function service(strategy: SnmpOid, asked: readonly SnmpOidParams[]): Polled {
    const read = (params: SnmpOidParams): Read => ({
      type: 'snmp_oid',
      timeoutMs: TIMEOUT_MS,
      isFixed: true,
      look: () => undefined,
      open: () => ({
        strategy,
        params,
        question: `${strategy.target(params)}/${params.oid}`,
        group: strategy.target(params),
        asksForNodes: false,
      }),
    });
    const nobody = () => Promise.reject(new Error('no nodes'));
    return {
      reads: Object.fromEntries(asked.map((params, index) => [`m${index}`, read(params)])),
      countNodes: nobody,
      listNodes: nobody,
    };
  }

  async function readings(services: readonly Polled[]): Promise<Record<string, Reading>[]> {
    const all: Record<string, Reading>[] = [];
    for await (const wave of new Poller().poll(services))
      for (const { index, readings: own } of wave) all[index] = own;
    return all;
  }

  /** Since when a counter counts is known or not, by what else was asked. */
  const said = (all: readonly Record<string, Reading>[]) =>
    all.map((own) =>
      Object.fromEntries(
        Object.entries(own).map(([metric, reading]) => [
          metric,
          'value' in reading ? [reading.value, reading.counter32 !== undefined] : reading.error,
        ]),
      ),
    );

  async function expectSame(asked: readonly (readonly SnmpOidParams[])[]): Promise<void> {
    const together = mapping();
    const services = asked.map((params) => service(together, params));
    const alone = await Promise.all(
      asked.map(async (params) => {
        const each = await Promise.all(params.map((one) => readings([service(mapping(), [one])])));
        return Object.fromEntries(each.map(([own], index) => [`m${index}`, own!.m0!]));
      }),
    );
    // An agent that is silent about the very object it is first asked for alone can't be told from one that is away.
    await readings(services);
    // What is learned of an agent changes how it is asked, never what it says.
    for (let round = 0; round < ROUNDS; round++) expect(said(await readings(services))).toEqual(said(alone));
  }

  it.each(SEEDS)(
    'read the same together as each object alone, also of odd agents (SEED=%i)',
    async (seed) => {
      const clock = new DatagramClock();
      clock.start();
      await fc.assert(
        fc.asyncProperty(agents, async (some) => {
          const asked: SnmpOidParams[][] = [];
          for (const { behaviour, version, services } of some) {
            const standIn = await startUdp((message, { port, address }, socket) => {
              const reply = BEHAVIOURS[behaviour](getIn(message));
              if (reply !== undefined) socket.send(reply, port, address);
            });
            standIns.push(standIn);
            for (const objects of services)
              asked.push(objects.map((object) => paramsOf(standIn.port, version, oidOf(object))));
          }
          await clock.during(expectSame(asked));
        }),
        { numRuns: 3, seed },
      );
    },
    90_000,
  );

  (hasSnmpd ? it : it.skip)(
    "read the same of Debian's snmpd together as each object alone",
    async () => {
      const snmpd = await startSnmpd();
      standIns.push(snmpd);
      // sysServices, ifNumber, a text, an object identifier, what is not there, an instance that is not there, a name.
      const oids = ['1.7.0', '2.1.0', '1.1.0', '1.2.0', '1.99.0', '1.7.1', '4.1.0', '25.2.2.0'].map(
        (end) => `1.3.6.1.2.1.${end}`,
      );
      for (const version of ['1', '2c'] as const) {
        const params = [...oids, 'SNMPv2-MIB::sysServices.0', '.1.3.6.1.2.1.1.7.0'].map((oid) =>
          paramsOf(snmpd.port, version, oid),
        );
        await expectSame([...params.map((one) => [one]), params]);
      }
    },
    60_000,
  );
});
