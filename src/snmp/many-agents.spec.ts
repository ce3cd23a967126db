/** Five hundred agents, of which two hundred misbehave: the others lose nothing by it. */
import type { RemoteInfo, Socket } from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { bound, closed, getIn, integer, responseTo } from '../../test/stand-ins/snmp-agents';
import type { ReadContext } from '../metrics/metric';
import type { Reading } from '../common/reading';
import { SnmpOidAverage, SnmpOidAverageParams } from '../metrics/mappings/snmp-oid-average.metric';
import { SnmpClient } from './snmp-client';

const OID = '1.3.6.1.4.1.8072.9999.1.0';
const TIMEOUT_MS = 2_000;
const LATE_MS = TIMEOUT_MS + 500;

/** What an agent of that number does. */
const BEHAVIOURS = [
  ...Array<string>(100).fill('dead'),
  ...Array<string>(50).fill('garbage'),
  ...Array<string>(50).fill('late'),
  'elsewhere',
  ...Array<string>(299).fill('good'),
];
const AGENTS = BEHAVIOURS.map((behaviour, number) => ({
  behaviour,
  number,
  host: `127.77.${number >> 8}.${number & 255}`,
}));
const of = (behaviour: string) => AGENTS.filter((agent) => agent.behaviour === behaviour);

describe('of five hundred agents', () => {
  const client = new SnmpClient();
  const sockets: Socket[] = [];
  let port: number;
  let round = 0;
  let elsewhere: Socket;

  beforeAll(async () => {
    elsewhere = await bound('127.0.0.1');
    sockets.push(elsewhere);
    for (const { behaviour, number, host } of AGENTS) {
      if (behaviour === 'dead') continue;
      const socket: Socket = await bound(host, port);
      port ??= socket.address().port;
      sockets.push(socket);
      socket.on('message', (message, sender) => answer(behaviour, number, message, sender, socket));
    }
  });

  afterAll(async () => {
    client.onModuleDestroy();
    await Promise.all(sockets.splice(0).map(closed));
  });

  function answer(
    behaviour: string,
    number: number,
    message: Buffer,
    { port: to, address }: RemoteInfo,
    socket: Socket,
  ): void {
    const response = responseTo(getIn(message), [[OID, integer(round * 1_000 + number)]]);
    if (behaviour === 'garbage') {
      // Something, nothing, and what begins well.
      const kinds = [randomBytes(60), Buffer.alloc(0), Buffer.from([0x30]), response.subarray(0, -3)];
      socket.send(kinds[number % kinds.length]!, to, address);
    } else if (behaviour === 'elsewhere') elsewhere.send(response, to, address);
    else if (behaviour === 'late') setTimeout(() => send(socket, response, to, address), LATE_MS).unref();
    else send(socket, response, to, address);
  }

  /** By then the socket may be closed. */
  const send = (socket: Socket, response: Buffer, to: number, address: string): void => {
    if (sockets.includes(socket)) socket.send(response, to, address, () => undefined);
  };

  const target = (host: string) => ({ host, port, version: '2c' as const, community: 'public' });
  const read = async (host: string): Promise<Reading> => {
    const options = { signal: new AbortController().signal, timeoutMs: TIMEOUT_MS, retries: 1 };
    return (await client.get(target(host), [OID], options)).get(OID)!;
  };

  test('the good ones are read, whatever the others do, round after round', async () => {
    for (round = 1; round <= 3; round++) {
      const began = performance.now();
      const readings = await Promise.all(AGENTS.map(({ host }) => read(host)));
      expect(performance.now() - began).toBeLessThan(TIMEOUT_MS + 10_000);
      readings.forEach((reading, number) => {
        const { behaviour, host } = AGENTS[number]!;
        if (behaviour === 'good') expect(reading).toEqual({ value: round * 1_000 + number });
        else expect(reading).toEqual({ error: expect.stringContaining(`cannot read ${OID} from ${host}: `) });
      });
    }
  }, 15_000);

  test('the mean is that of those that answer', async () => {
    round = 0;
    const average = new SnmpOidAverage(client);
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    const context: ReadContext = {
      signal,
      timeoutMs: TIMEOUT_MS,
      nodes: () => Promise.reject(new Error('not asked')),
      listNodes: () => Promise.reject(new Error('not asked')),
    };
    const hosts = AGENTS.map(({ host }) => host);
    const params = Object.assign(new SnmpOidAverageParams(), { hosts, port, oid: OID, minAnswers: 299 });
    const good = of('good').map(({ number }) => number);
    const mean = good.reduce((sum, number) => sum + number, 0) / good.length;
    expect(await average.read(params, context)).toBeCloseTo(mean, 9);
    await expect(average.read({ ...params, minAnswers: 300 } as never, context)).rejects.toThrow(
      new RegExp(`^cannot read the average of ${OID}: 299 of 500 nodes answered, 300 must; cannot read`),
    );
    // What comes late comes to nobody.
    await sleep(LATE_MS - TIMEOUT_MS);
  }, 10_000);
});
