import { ObjectType } from 'net-snmp';
import {
  ber,
  getIn,
  integer,
  responseTo,
  startSnmpAgent,
  startUdp,
  type StandIn,
} from '../../test/stand-ins/snmp-agents';
import { hasSnmpd, SNMPD_USER, startSnmpd, SYS_SERVICES } from '../../test/stand-ins/snmpd';
import { isAfter } from './oid-order';
import { SnmpClient } from './snmp-client';
import type { SnmpTarget, SnmpUser } from './snmp-target';

const BASE = '1.3.6.1.4.1.8072.9999';
const NO_SUCH_NAME = 2;

describe('a walk', () => {
  const client = new SnmpClient();
  const standIns: StandIn[] = [];

  async function running(starting: Promise<StandIn>): Promise<number> {
    const standIn = await starting;
    standIns.push(standIn);
    return standIn.port;
  }

  afterAll(async () => {
    client.onModuleDestroy();
    await Promise.all(standIns.map((one) => one.close()));
  });

  const walk = (
    port: number,
    root = BASE,
    given: Partial<SnmpTarget> = {},
    rowsAtMost = 1_000,
    timeoutMs = 2_000,
  ) =>
    client.walk({ host: '127.0.0.1', port, version: '2c', community: 'public', ...given }, root, {
      signal: new AbortController().signal,
      timeoutMs,
      retries: 1,
      rowsAtMost,
    });

  /** Answers what follows each object as it is told; `undefined` ends it. */
  const following = (next: (oid: string) => [string, Buffer][] | undefined) =>
    running(
      startUdp((message, { port, address }, socket) => {
        const get = getIn(message);
        const found = next(get.oids[0]!);
        const answer = found
          ? responseTo(get, found)
          : responseTo(get, [[get.oids[0]!, ber(0x05)]], NO_SUCH_NAME, 1);
        socket.send(answer, port, address);
      }),
    );

  const successor = (oid: string): string => `${BASE}.${Number(oid.slice(BASE.length + 1) || 0) + 1}`;

  it.each(['1', '2c'] as const)(
    'in version %s shows what there is below an object, and no more',
    async (version) => {
      const port = await running(
        startSnmpAgent([
          { oid: `${BASE}.1`, type: ObjectType.Integer, value: -42 },
          { oid: `${BASE}.2`, type: ObjectType.OctetString, value: 'Grün' },
          { oid: `${BASE}.3`, type: ObjectType.OctetString, value: Buffer.from('00ff10', 'hex') },
          { oid: `${BASE}.4`, type: ObjectType.TimeTicks, value: 12_345 },
          { oid: '1.3.6.1.4.1.8072.99990', type: ObjectType.Integer, value: 1 },
        ]),
      );
      expect(await walk(port, BASE, { version })).toEqual({
        rows: [
          { oid: `${BASE}.1.0`, type: 'Integer', value: '-42', number: -42 },
          { oid: `${BASE}.2.0`, type: 'OctetString', value: 'Grün' },
          { oid: `${BASE}.3.0`, type: 'OctetString', value: '00ff10' },
          { oid: `${BASE}.4.0`, type: 'TimeTicks', value: '12345', number: 123.45 },
        ],
        isComplete: true,
      });
    },
  );

  it('that never ends is cut at as many rows as are wanted', async () => {
    const port = await following((oid) => [[successor(oid), integer(7)]]);
    const { rows, isComplete, error } = await walk(port, BASE, {}, 120);
    expect(rows).toHaveLength(120);
    expect({ isComplete, error }).toEqual({ isComplete: false, error: undefined });
  });

  it('in version 1 ends where the agent knows no more names', async () => {
    const port = await following((oid) => (oid === `${BASE}.3` ? undefined : [[successor(oid), integer(7)]]));
    const { rows, isComplete } = await walk(port, BASE, { version: '1' });
    expect(rows.map(({ oid }) => oid)).toEqual([1, 2, 3].map((number) => `${BASE}.${number}`));
    expect(isComplete).toBe(true);
  });

  it('in circles ends', async () => {
    const port = await following((oid) => [[oid === `${BASE}.2` ? `${BASE}.1` : successor(oid), integer(7)]]);
    const { rows, isComplete, error } = await walk(port);
    expect(rows).toHaveLength(2);
    expect({ isComplete, error }).toEqual({
      isComplete: false,
      error: `cannot walk ${BASE} of 127.0.0.1: its answer can't be understood: its objects are in no order`,
    });
  });

  it('that is cut off in the middle shows what came, and why it is not all', async () => {
    let asked = 0;
    const port = await running(
      startUdp((message, { port: to, address }, socket) => {
        const get = getIn(message);
        if (++asked < 3)
          socket.send(responseTo(get, [[successor(get.oids[0]!), integer(asked)]]), to, address);
      }),
    );
    const { rows, isComplete, error } = await walk(port, BASE, {}, 1_000, 400);
    expect(rows).toHaveLength(2);
    expect({ isComplete, error }).toEqual({
      isComplete: false,
      error: `cannot walk ${BASE} of 127.0.0.1: no answer in 0.4 s: the host is down, a firewall is between, or community or version are not what it takes`,
    });
  });

  it.each([
    ['1.3.6.1', '1.3.6.1.0', true],
    ['1.3.6.1.2', '1.3.6.1.10', true],
    ['1.3.6.1.10', '1.3.6.1.2', false],
    ['1.3.6.1.2', '1.3.6.1.2', false],
    ['1.3.6.1.2.7', '1.3.6.1.2', false],
    ['1.3.6.1.2.7', '1.3.6.1.3', true],
  ])('from %s to %s goes on: %s', (before, oid, expected) => {
    expect(isAfter(before, oid)).toBe(expected);
  });

  (hasSnmpd ? it : it.skip)("of Debian's snmpd, in every version", async () => {
    const port = await running(startSnmpd());
    const versions: Partial<SnmpTarget>[] = [
      { version: '1' },
      { version: '2c' },
      { version: '3', v3: SNMPD_USER as SnmpUser },
    ];
    for (const given of versions) {
      const { rows, isComplete } = await walk(port, '1.3.6.1.2.1.1', given);
      expect(isComplete).toBe(true);
      expect(rows).toContainEqual({ oid: SYS_SERVICES, type: 'Integer', value: '72', number: 72 });
    }
    expect((await walk(port, '1.3.6.1.2.1', {}, 200)).rows).toHaveLength(200);
  });
});
