import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuthProtocols, ObjectType, PrivProtocols, SecurityLevel, type User } from 'net-snmp';
import {
  ber,
  bound,
  closed,
  getIn,
  integer,
  responseTo,
  startSnmpAgent,
  startUdp,
  type Scalar,
  type StandIn,
} from '../../../test/stand-ins/snmp-agents';
import { hasSnmpd } from '../../../test/stand-ins/snmpd';
import { check } from '../../common/check';
import type { ReadContext } from '../metric';
import type { Reading } from '../../common/reading';
import { SnmpClient } from '../../snmp/snmp-client';
import { requestIdIn } from '../../snmp/request-id';
import { SnmpOid, SnmpOidParams } from './snmp-oid.metric';

const BASE = '1.3.6.1.4.1.8072.9999';
const NO_SUCH_NAME = 2;
const TOO_BIG = 1;

const SCALARS: Scalar[] = [
  { oid: `${BASE}.1`, type: ObjectType.Integer, value: -42 },
  { oid: `${BASE}.2`, type: ObjectType.Counter, value: 4_294_967_295 },
  { oid: `${BASE}.3`, type: ObjectType.Gauge, value: 7 },
  { oid: `${BASE}.4`, type: ObjectType.TimeTicks, value: 12_345 },
  { oid: `${BASE}.5`, type: ObjectType.Counter64, value: Buffer.from('0020000000000000', 'hex') },
  { oid: `${BASE}.6`, type: ObjectType.OctetString, value: ' 0.52 ' },
  { oid: `${BASE}.7`, type: ObjectType.OctetString, value: 'Linux' },
  { oid: `${BASE}.8`, type: ObjectType.OID, value: '1.3.6.1.4.1' },
  { oid: `${BASE}.9`, type: ObjectType.Opaque, value: Buffer.from('9f78043f000000', 'hex') },
  { oid: `${BASE}.10`, type: ObjectType.IpAddress, value: '10.0.0.1' },
  { oid: `${BASE}.11`, type: ObjectType.OctetString, value: 'NaN' },
];

describe('snmp_oid', () => {
  const client = new SnmpClient();
  const metric = new SnmpOid(client);
  const standIns: StandIn[] = [];

  const context = (timeoutMs = 5_000, signal = new AbortController().signal): ReadContext => ({
    signal,
    timeoutMs,
    nodes: () => Promise.reject(new Error('no infrastructure')),
    listNodes: () => Promise.reject(new Error('no infrastructure')),
  });

  const params = (given: Partial<SnmpOidParams>): SnmpOidParams =>
    Object.assign(new SnmpOidParams(), { host: '127.0.0.1', oid: `${BASE}.1.0` }, given);

  async function running<T extends StandIn>(starting: Promise<T>): Promise<T> {
    const standIn = await starting;
    standIns.push(standIn);
    return standIn;
  }

  afterEach(async () => {
    await Promise.all(standIns.splice(0).map((standIn) => standIn.close()));
  });

  afterAll(() => client.onModuleDestroy());

  describe('values', () => {
    const rows: [string, Reading | RegExp][] = [
      [`${BASE}.1.0`, { value: -42 }],
      [`${BASE}.2.0`, { value: 4_294_967_295, counter32: {} }],
      [`${BASE}.3.0`, { value: 7 }],
      [`${BASE}.4.0`, { value: 123.45 }],
      [`${BASE}.5.0`, { value: 2 ** 53 }],
      [`${BASE}.6.0`, { value: 0.52 }],
      [`${BASE}.9.0`, { value: 0.5 }],
      [`.${BASE}.1.0`, { value: -42 }],
      [`${BASE}.7.0`, /the agent answered OctetString that is no number$/],
      [`${BASE}.8.0`, /the agent answered OID that is no number$/],
      [`${BASE}.10.0`, /the agent answered IpAddress that is no number$/],
      [`${BASE}.11.0`, /OctetString that is no number$/],
      ['1.3.6.1.2.1.99.0', /^cannot read 1.3.6.1.2.1.99.0 from 127.0.0.1: the agent has no such object$/],
      [`${BASE}.1.7`, /: the agent has no such instance of the object$/],
    ];

    it.each(['1', '2c'] as const)('are read together in version %s', async (version) => {
      const { port } = await running(startSnmpAgent(SCALARS));
      const readings = await metric.readMany(
        rows.map(([oid]) => params({ oid, port, version })),
        context(),
      );
      rows.forEach(([, expected], index) => {
        if (expected instanceof RegExp)
          expect(readings[index]).toEqual({ error: expect.stringMatching(expected) });
        else expect(readings[index]).toEqual(expected);
      });
    });

    it('are read one at a time as well, and a failure is thrown', async () => {
      const { port } = await running(startSnmpAgent(SCALARS));
      expect(await metric.read(params({ port }), context())).toBe(-42);
      await expect(metric.read(params({ port, oid: `${BASE}.7.0` }), context())).rejects.toThrow(
        /is no number/,
      );
    });

    it('of several hundred objects come in a few questions, each object asked once', async () => {
      const asked: number[] = [];
      const { port } = await running(
        startUdp((message, { port, address }, socket) => {
          const get = getIn(message);
          asked.push(get.oids.length);
          const values = get.oids.map((oid): [string, Buffer] => [
            oid,
            integer(Number(oid.split('.').at(-1))),
          ]);
          socket.send(responseTo(get, values), port, address);
        }),
      );
      const oids = Array.from({ length: 100 }, (_, index) => `${BASE}.7.${index}`);
      const readings = await metric.readMany(
        [...oids, ...oids].map((oid) => params({ oid, port })),
        context(),
      );
      expect(readings).toEqual([...oids, ...oids].map((_, index) => ({ value: index % 100 })));
      expect(asked.sort()).toEqual([20, 40, 40]);
    });
  });

  describe('version 3', () => {
    const KEYS = { authKey: 'signing-password', privKey: 'encrypting-password' };
    const userOf = (auth: keyof typeof AuthProtocols, priv: keyof typeof PrivProtocols): User => ({
      name: 'watcher',
      level: SecurityLevel.authPriv,
      authProtocol: AuthProtocols[auth],
      privProtocol: PrivProtocols[priv],
      ...KEYS,
    });
    const v3 = (given: object = {}): SnmpOidParams['v3'] => ({
      user: 'watcher',
      level: 'authPriv',
      authProtocol: 'sha',
      privProtocol: 'aes',
      ...KEYS,
      ...given,
    });

    it.each([
      ['md5', 'des'],
      ['sha', 'aes'],
      ['sha224', 'aes'],
      ['sha256', 'aes256b'],
      ['sha384', 'aes256r'],
      ['sha512', 'aes256r'],
      ['sha', 'aes256b'],
    ] as const)('authPriv with %s and %s', async (authProtocol, privProtocol) => {
      const { port } = await running(startSnmpAgent(SCALARS, 'x', userOf(authProtocol, privProtocol)));
      const asked = params({ port, version: '3', v3: v3({ authProtocol, privProtocol }) });
      expect(await metric.read(asked, context())).toBe(-42);
      expect(await metric.read(asked, context())).toBe(-42);
    });

    it('says that the credentials are refused, and tells no key', async () => {
      const { port } = await running(startSnmpAgent(SCALARS, 'x', userOf('sha', 'aes')));
      const wrong = params({ port, version: '3', v3: v3({ user: 'nobody' }) });
      await expect(metric.read(wrong, context(300))).rejects.toThrow(
        /refused the credentials: unknown user name/,
      );
    });

    it('finds its way back to an agent that returns as another engine', async () => {
      const first = await startSnmpAgent(SCALARS, 'x', userOf('sha', 'aes'));
      const asked = params({ port: first.port, version: '3', v3: v3() });
      expect(await metric.read(asked, context())).toBe(-42);
      await first.close();
      await running(startSnmpAgent(SCALARS, 'x', userOf('sha', 'aes'), first.port));
      await metric.read(asked, context(400)).catch(() => undefined);
      expect(await metric.read(asked, context())).toBe(-42);
    });

    it('refuses an answer that is less protected than the question', async () => {
      const octets = (text = ''): Buffer => ber(0x04, Buffer.from(text));
      const { port } = await running(
        startUdp((message, sender, socket) => {
          const id = requestIdIn(message)!;
          const isDiscovery = !message.includes('watcher');
          const varbind = ber(0x30, ber(0x06, Buffer.from('2b06010401bf08ce0f0100', 'hex')), integer(1));
          const pdu = ber(isDiscovery ? 0xa8 : 0xa2, integer(id), integer(0), integer(0), ber(0x30, varbind));
          const header = ber(0x30, integer(id), integer(65_507), ber(0x04, Buffer.from([0])), integer(3));
          const security = ber(0x30, octets('engine'), integer(1), integer(1), octets(), octets(), octets());
          const scoped = ber(0x30, octets('engine'), octets(), pdu);
          socket.send(
            ber(0x30, integer(3), header, ber(0x04, security), scoped),
            sender.port,
            sender.address,
          );
        }),
      );
      const asked = params({ port, version: '3', v3: v3() });
      await expect(metric.read(asked, context(300))).rejects.toThrow(/less protected than the question/);
    });

    it('judges a key that is too short when it is seen', async () => {
      const asked = params({ version: '3', v3: v3({ authKey: 'short' }) });
      await expect(metric.read(asked, context())).rejects.toThrow(
        /v3\.authKey must have at least 8 characters/,
      );
    });
  });

  describe('an agent that', () => {
    const answering = (one: (get: ReturnType<typeof getIn>) => Buffer) =>
      running(
        startUdp((message, { port, address }, socket) => socket.send(one(getIn(message)), port, address)),
      );

    it('never answers is missing data after all tries, within the timeout', async () => {
      const dead = await running(startUdp(() => undefined));
      const started = performance.now();
      await expect(metric.read(params({ port: dead.port, retries: 2 }), context(600))).rejects.toThrow(
        /^cannot read 1\.3\.6\.1\.4\.1\.8072\.9999\.1\.0 from 127\.0\.0\.1: no answer in 0\.6 s: the host is down, a firewall is between, or community or version are not what it takes$/,
      );
      const took = performance.now() - started;
      expect(took).toBeGreaterThan(550);
      expect(took).toBeLessThan(1_700);
      expect(dead.heard()).toBe(3);
    });

    it('never answers is let go when the signal aborts', async () => {
      const dead = await running(startUdp(() => undefined));
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 50);
      const started = performance.now();
      await expect(
        metric.read(params({ port: dead.port }), context(5000, controller.signal)),
      ).rejects.toThrow(/the read was stopped/);
      expect(performance.now() - started).toBeLessThan(3_000);
    });

    it('answers late is still heard when the first question was repeated', async () => {
      let wasHeard = false;
      const slow = await running(
        startUdp((message, { port, address }, socket) => {
          if (wasHeard) return;
          wasHeard = true;
          const get = getIn(message);
          setTimeout(() => socket.send(responseTo(get, [[get.oids[0]!, integer(5)]]), port, address), 600);
        }),
      );
      expect(await metric.read(params({ port: slow.port }), context(1000))).toBe(5);
    });

    it.each([
      ['garbage', Buffer.from('not snmp at all')],
      ['an empty datagram', Buffer.alloc(0)],
      ['a lone tag', Buffer.from([0x30])],
      ['a truncated message', Buffer.from('302602010104067075626c6963a219', 'hex')],
    ])('sends %s is missing data that says so', async (_, garbage) => {
      const { port } = await running(
        startUdp((_message, { port, address }, socket) => socket.send(garbage, port, address)),
      );
      await expect(metric.read(params({ port }), context(300))).rejects.toThrow(
        /no answer in 0\.3 s; what came was no SNMP/,
      );
      await expect(metric.read(params({ port }), context(300))).rejects.toThrow(
        /no answer in 0\.3 s; what came was no SNMP/,
      );
    });

    it('answers a version 2c question with a signed version 3 message does not end the process', async () => {
      const { port } = await running(
        startUdp((message, { port, address }, socket) => {
          const { id } = getIn(message);
          const header = ber(0x30, integer(id), integer(65_507), ber(0x04, Buffer.from([1])), integer(3));
          const octets = (text = ''): Buffer => ber(0x04, Buffer.from(text));
          const security = ber(
            0x30,
            octets('engine'),
            integer(1),
            integer(1),
            octets('x'),
            octets('123456789012'),
            octets(),
          );
          const pdu = ber(0xa2, integer(id), integer(0), integer(0), ber(0x30));
          const scoped = ber(0x30, octets(), octets(), pdu);
          socket.send(ber(0x30, integer(3), header, ber(0x04, security), scoped), port, address);
        }),
      );
      await expect(metric.read(params({ port }), context(300))).rejects.toThrow(/can't be understood/);
    });

    it('sends one value that can not be read does not cost the others', async () => {
      const { port } = await answering((get) =>
        responseTo(
          get,
          get.oids.map((oid) => [oid, oid.endsWith('.3') ? ber(0x4b, Buffer.from([1])) : integer(1)]),
        ),
      );
      const oids = [1, 2, 3, 4, 5].map((last) => `${BASE}.${last}`);
      const readings = await metric.readMany(
        oids.map((oid) => params({ oid, port })),
        context(500),
      );
      expect(readings.map((reading) => 'value' in reading)).toEqual([true, true, false, true, true]);
    });

    it('is another host is not heard', async () => {
      const elsewhere = await bound('127.0.0.2');
      const { port } = await running(
        startUdp((message, { port, address }) => {
          const get = getIn(message);
          elsewhere.send(responseTo(get, [[get.oids[0]!, integer(666)]]), port, address);
        }),
      );
      await expect(metric.read(params({ port }), context(200))).rejects.toThrow(/no answer in 0\.2 s: /);
      await closed(elsewhere);
    });

    it('names the bad object (version 1) answers the rest', async () => {
      const bad = new Set([`${BASE}.3`, `${BASE}.17`, `${BASE}.18`]);
      let questions = 0;
      const { port } = await answering((get) => {
        questions += 1;
        const values = get.oids.map((oid): [string, Buffer] => [oid, integer(1)]);
        const index = get.oids.findIndex((oid) => bad.has(oid)) + 1;
        return index > 0 ? responseTo(get, values, NO_SUCH_NAME, index) : responseTo(get, values);
      });
      const oids = Array.from({ length: 40 }, (_, index) => `${BASE}.${index}`);
      const readings = await metric.readMany(
        oids.map((oid) => params({ oid, port, version: '1' })),
        context(),
      );
      readings.forEach((reading, index) => {
        const expected = bad.has(oids[index]!)
          ? { error: `cannot read ${oids[index]} from 127.0.0.1: the agent has no such object` }
          : { value: 1 };
        expect(reading).toEqual(expected);
      });
      expect(questions).toBeLessThanOrEqual(1 + 2 * bad.size);
    });

    it('finds the answer too big is asked for less at a time', async () => {
      const { port } = await answering((get) =>
        get.oids.length > 3
          ? responseTo(get, [], TOO_BIG)
          : responseTo(
              get,
              get.oids.map((oid) => [oid, integer(9)]),
            ),
      );
      const asked = Array.from({ length: 20 }, (_, index) => params({ oid: `${BASE}.${index}`, port }));
      expect(await metric.readMany(asked, context())).toEqual(asked.map(() => ({ value: 9 })));
    });

    it('answers with another community is refused, and no community is told', async () => {
      const { port } = await answering((get) =>
        responseTo({ ...get, community: 'other' }, [[get.oids[0]!, integer(1)]]),
      );
      const reading = metric.read(params({ port, community: 'hush-hush' }), context(300));
      await expect(reading).rejects.toThrow(/it answered with another community$/);
    });

    it('has no address is missing data', async () => {
      const reading = metric.read(params({ host: 'no-such-host.invalid' }), context(3000));
      await expect(reading).rejects.toThrow(
        /from no-such-host.invalid: (its name can't be resolved: the DNS (does not know no-such-host.invalid|gives no answer now)|no answer)/,
      );
    });

    it.each([
      ['::1', '::1'],
      ['::', '0:0::1'],
      ['::', '::1%lo'],
    ])('listens on %s is read at %s', async (listens, host) => {
      const socket = createSocket('udp6');
      socket.on('message', (message, { port, address }) => {
        const get = getIn(message);
        socket.send(responseTo(get, [[get.oids[0]!, integer(12)]]), port, address);
      });
      await new Promise<void>((resolve) => socket.bind(0, listens, resolve));
      const { port } = socket.address();
      expect(await metric.read(params({ host, port }), context())).toBe(12);
      socket.close();
    });

    it('is on one link alone is read there, by the name of the interface or its number', async () => {
      const found = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
        (addresses ?? []).flatMap((one) => (one.address.startsWith('fe80') ? [{ name, ...one }] : [])),
      )[0];
      if (found === undefined) return;
      const socket = createSocket('udp6');
      socket.on('message', (message, { port, address }) => {
        const get = getIn(message);
        socket.send(responseTo(get, [[get.oids[0]!, integer(12)]]), port, address);
      });
      await new Promise<void>((resolve) => socket.bind(0, '::', resolve));
      const { port } = socket.address();
      const scope = String('scopeid' in found ? found.scopeid : 0);
      for (const zone of [found.name, scope])
        expect(
          await metric.read(params({ host: `${found.address.toUpperCase()}%${zone}`, port }), context()),
        ).toBe(12);
      const nowhere = metric.read(params({ host: `${found.address}%nowhere`, port }), context());
      await expect(nowhere).rejects.toThrow(/there is no network interface nowhere on this machine/);
      socket.close();
    });

    it('is asked by the name of an object as by its number', async () => {
      const { port } = await answering((get) =>
        responseTo(
          get,
          get.oids.map((oid) => [oid, integer(Number(oid.split('.').at(-2)))]),
        ),
      );
      for (const [oid, last] of [
        ['UCD-SNMP-MIB::ssCpuUser.0', 9],
        ['ssCpuUser.0', 9],
        ['IF-MIB::ifInOctets.3', 10],
        ['hrProcessorLoad.1', 2],
        ['RFC1213-MIB::sysUpTime.0', 3],
      ] as const)
        expect(await metric.read(params({ oid, port }), context())).toBe(last);
    });

    it('is given by name is found', async () => {
      const { port } = await running(startSnmpAgent(SCALARS));
      expect(await metric.read(params({ host: 'localhost', port }), context())).toBe(-42);
    });
  });

  it('leaves no listener on the signal', async () => {
    const { port } = await running(startSnmpAgent(SCALARS));
    const { signal } = new AbortController();
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    await metric.read(params({ port }), context(1000, signal));
    expect(removed.mock.calls.length).toBeGreaterThanOrEqual(added.mock.calls.length);
    for (const [type, listener] of added.mock.calls) expect(removed).toHaveBeenCalledWith(type, listener);
  });

  it('has one target per agent and credentials, which tells no secret', () => {
    const target = metric.target(params({ community: 'hush-hush' }));
    expect(metric.target(params({ community: 'hush-hush', oid: `${BASE}.2.0` }))).toBe(target);
    expect(metric.target(params({ community: 'other' }))).not.toBe(target);
    expect(target).not.toContain('hush');
  });

  describe('params', () => {
    const errorsOf = (given: object): string[] =>
      check(SnmpOidParams, { host: '10.0.0.5', oid: '1.3.6.1.2.1.1.3.0', ...given }).errors.map(
        ({ pointer, detail }) => `${pointer} ${detail}`,
      );
    const authPriv = { user: 'u', level: 'authPriv', authProtocol: 'sha', privProtocol: 'aes' };

    it.each([
      [{}],
      [{ oid: '.1.3.6.1.2.1.1.3.0' }],
      [{ host: 'web-3.example.org' }],
      [{ host: 'fe80::1%eth0' }],
      [{ host: 'FE80:0::1%12' }],
      [{ host: 'fd00::1' }],
      [{ oid: 'sysUpTime.0' }],
      [{ oid: 'IF-MIB::ifInOctets.3' }],
      [{ oid: 'UCD-SNMP-MIB::ssCpuUser.0' }],
      [{ oid: 'hrProcessorLoad.196608' }],
      [{ oid: 'SNMPv2-MIB::sysUpTime.0' }],
      [{ oid: 'laLoad.1' }],
      [{ community: { env: 'MONSCALE_PARAM_COMMUNITY' } }],
      [{ version: '3', v3: { user: 'u', level: 'noAuthNoPriv' } }],
      [{ version: '3', v3: { ...authPriv, authKey: '12345678', privKey: { secret: true } } }],
    ])('%j are right', (given) => {
      expect(errorsOf(given)).toEqual([]);
    });

    it.each([
      [
        { oid: 'no such.0' },
        '/oid must be a numeric OID, e.g. 1.3.6.1.4.1.2021.11.9.0, or a name with its instance, e.g. UCD-SNMP-MIB::ssCpuUser.0',
      ],
      [
        { oid: 'ACME-MIB::nothing.0' },
        '/oid is no name that a MIB here knows; write the numeric OID, e.g. 1.3.6.1.4.1.2021.11.9.0, or upload its MIB',
      ],
      [{ oid: 'sysUpTime' }, '/oid lacks its instance: sysUpTime.0, or its row in place of the 0'],
      [{ oid: '1.3.6.1.4294967296' }, '/oid has a number above 4294967295'],
      [{ host: 'http://web-3' }, '/host must be a host name or an IP address, without scheme and port'],
      ...['abc:161', '10.0.0.5:161', 'web-3.example.org:161', '[::1]:161'].map((host): [object, string] => [
        { host },
        '/host must be a host name or an IP address, without scheme and port: the port is a param of its own, port',
      ]),
      [{ host: '[::1]' }, '/host must be written without brackets'],
      [{ host: 'fe80::1' }, '/host is an address of one link alone: it needs its zone, e.g. fe80::1%eth0'],
      [{ host: 'fe80::1%et/h' }, '/host must be a host name or an IP address, without scheme and port'],
      [{ host: 'web 3' }, '/host must be a host name or an IP address, without scheme and port'],
      [{ port: 0 }, '/port must be at least 1'],
      [{ version: '3' }, '/v3 is needed for version 3'],
      [{ version: '3', v3: { user: 'u' } }, '/v3/level is required'],
      [
        { version: '3', v3: { user: 'u', level: 'authNoPriv' } },
        '/v3/authProtocol is needed for level authNoPriv',
      ],
      [
        { version: '3', v3: { ...authPriv, authKey: '1234567', privKey: '12345678' } },
        '/v3/authKey must have at least 8 characters',
      ],
      [
        { version: '3', v3: { ...authPriv, authKey: '12345678' } },
        '/v3/privKey is needed for level authPriv',
      ],
    ])('%j are refused', (given, error) => {
      expect(errorsOf(given)).toContain(error);
    });
  });

  const SNMPD = '/usr/sbin/snmpd';
  (hasSnmpd ? describe : describe.skip)("Debian's snmpd", () => {
    const folder = mkdtempSync(join(tmpdir(), 'monscale-snmpd-'));
    const state = join(folder, 'state');
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const v3 = {
      user: 'watcher',
      level: 'authPriv',
      authProtocol: 'sha',
      authKey: 'signing-password',
      privProtocol: 'aes',
      privKey: 'encrypting-password',
    } as const;
    const UP_TIME = '1.3.6.1.2.1.1.3.0';
    let snmpd: ChildProcess;

    const start = async (): Promise<void> => {
      const conf = join(folder, 'snmpd.conf');
      writeFileSync(
        conf,
        [
          `agentaddress udp:127.0.0.1:${port}`,
          'rocommunity public',
          `createUser watcher SHA "${v3.authKey}" AES "${v3.privKey}"`,
          `createUser signer SHA-256 "${v3.authKey}"`,
          `createUser oldone MD5 "${v3.authKey}" DES "${v3.privKey}"`,
          'rouser watcher priv',
          'rouser signer auth',
          'rouser oldone priv',
        ].join('\n'),
      );
      const env = { ...process.env, SNMP_PERSISTENT_DIR: state };
      snmpd = spawn(SNMPD, ['-f', '-C', '-c', conf, '-Lf', join(folder, 'log'), '-p', join(folder, 'pid')], {
        env,
      });
      for (let tries = 0; tries < 50; tries += 1) {
        const [reading] = await metric.readMany([params({ port, oid: UP_TIME, retries: 0 })], context(100));
        if (reading && 'value' in reading) return;
      }
      throw new Error('snmpd did not start');
    };

    const stop = async (): Promise<void> => {
      const gone = new Promise((resolve) => snmpd.once('exit', resolve));
      snmpd.kill('SIGTERM');
      await gone;
    };

    beforeAll(start);
    afterAll(async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('is read in version 2c, a load average included', async () => {
      const readings = await metric.readMany(
        [
          UP_TIME,
          '1.3.6.1.4.1.2021.10.1.3.1',
          '1.3.6.1.4.1.2021.10.1.6.1',
          '1.3.6.1.2.1.1.1.0',
          '1.3.6.1.9.9.9',
        ].map((oid) => params({ port, oid })),
        context(),
      );
      expect(readings.map((reading) => 'value' in reading)).toEqual([true, true, true, false, false]);
    });

    it('is read in version 3 authPriv, also after a restart', async () => {
      const asked = params({ port, oid: UP_TIME, version: '3', v3 });
      expect(await metric.read(asked, context())).toBeGreaterThan(0);
      await stop();
      await start();
      expect(await metric.read(asked, context())).toBeLessThan(60);
    });

    it('is read in version 3 authNoPriv, and with the old protocols', async () => {
      const signer = {
        user: 'signer',
        level: 'authNoPriv',
        authProtocol: 'sha256',
        authKey: v3.authKey,
      } as const;
      expect(
        await metric.read(params({ port, oid: UP_TIME, version: '3', v3: signer }), context()),
      ).toBeGreaterThan(0);
      const oldOne = { ...v3, user: 'oldone', authProtocol: 'md5', privProtocol: 'des' } as const;
      expect(
        await metric.read(params({ port, oid: UP_TIME, version: '3', v3: oldOne }), context()),
      ).toBeGreaterThan(0);
    });

    it('finds its way back when snmpd lost its memory and is another engine', async () => {
      const asked = params({ port, oid: UP_TIME, version: '3', v3 });
      expect(await metric.read(asked, context())).toBeGreaterThan(0);
      await stop();
      rmSync(state, { recursive: true });
      await start();
      expect(await metric.read(asked, context())).toBeLessThan(60);
    });

    it('refuses a wrong key in words', async () => {
      const wrong = { ...v3, authKey: 'another-password' };
      const reading = metric.read(params({ port, oid: UP_TIME, version: '3', v3: wrong }), context());
      await expect(reading).rejects.toThrow(/refused the credentials: wrong digest/);
      const wrongPriv = { ...v3, privKey: 'another-password' };
      const other = metric.read(params({ port, oid: UP_TIME, version: '3', v3: wrongPriv }), context(500));
      await expect(other).rejects.toThrow(/cannot read/);
    });
  });
});
