import { execFile } from 'node:child_process';
import type { Socket } from 'node:dgram';
import { promisify } from 'node:util';
import {
  createSession,
  ObjectType,
  TrapType,
  Version1,
  Version2c,
  type Session,
  type Varbind,
} from 'net-snmp';
import { bound, ber, closed, integer } from '../../test/stand-ins/snmp-agents';
import { hasSnmpTools } from '../../test/stand-ins/snmp-tools';
import { ManualClock } from '../common/clock';
import type { SnmpUser } from '../snmp/snmp-target';
import { SnmpSourceParams } from '../alerts/formats/snmp.format';
import { TrapAdmission, type Admission } from './trap-admission';
import { Engines } from '../snmp/engines';
import { SecureMessages } from '../snmp/secure-messages';
import { TrapSource } from './trap-source';

const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3';
const IF_INDEX = '1.3.6.1.2.1.2.2.1.1.7';
const run = promisify(execFile);

type Admitted = Extract<Admission, { source: TrapSource }>;

const source = (name: string, params: Partial<SnmpSourceParams>): TrapSource =>
  new TrapSource(`id of ${name}`, name, Object.assign(new SnmpSourceParams(), params));

describe('the door', () => {
  const clock = new ManualClock(new Date());
  let admission: TrapAdmission;
  let socket: Socket;
  let port: number;
  let admissions: Admission[];
  let datagrams: Buffer[];
  let sessions: Session[];

  const admitted = (): Admitted[] => admissions.filter((one): one is Admitted => one.source !== undefined);
  const refused = (): string[] =>
    admissions.flatMap((one) => (one.source === undefined && one.refused ? [one.refused.reason] : []));
  const admit = (bytes: Buffer, address = '127.0.0.1') =>
    admission.admit({ bytes, address, port: 1 }, clock.now());

  beforeEach(async () => {
    [admissions, datagrams, sessions] = [[], [], []];
    clock.set(new Date());
    const engine = { id: '8000b98380aabbccdd', since: new Date(clock.now().getTime() - 1_000_000) };
    admission = new TrapAdmission(new SecureMessages(engine), new Engines());
    admission.setSources([source('all', {})]);
    socket = await bound('127.0.0.1');
    port = socket.address().port;
    socket.on('message', (bytes, { address, port }) => {
      datagrams.push(bytes);
      const admitted = admission.admit({ bytes, address, port }, clock.now());
      admissions.push(admitted);
      const answer = admitted.source ? admitted.acknowledgement : admitted.answer;
      if (answer) socket.send(answer, port, address);
    });
  });

  afterEach(async () => {
    sessions.forEach((session) => session.close());
    await closed(socket);
  });

  function session(version: typeof Version1 | typeof Version2c, community = 'public'): Session {
    const made = createSession('127.0.0.1', community, { version, trapPort: port });
    made.on('error', () => undefined);
    sessions.push(made);
    return made;
  }

  const trap = (
    from: Session,
    type: string | number,
    varbinds: Varbind[] = [],
    options = {},
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      from.trap(type, varbinds, options, (error) => (error ? reject(error) : resolve()));
    });

  async function until(claim: () => boolean): Promise<void> {
    for (let tries = 0; tries < 300 && !claim(); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(claim()).toBe(true);
  }

  it('reads a version 2c trap', async () => {
    const varbinds = [
      { oid: IF_INDEX, type: ObjectType.Integer, value: -7 },
      { oid: `${IF_INDEX}.1`, type: ObjectType.OctetString, value: 'Tür offen' },
      { oid: `${IF_INDEX}.2`, type: ObjectType.OctetString, value: Buffer.from([0, 1, 0xfe]) },
      { oid: `${IF_INDEX}.3`, type: ObjectType.Counter64, value: Buffer.from('0100000000', 'hex') },
      { oid: `${IF_INDEX}.4`, type: ObjectType.OID, value: '1.3.6.1.4.1.9' },
      { oid: `${IF_INDEX}.5`, type: ObjectType.IpAddress, value: '10.1.2.3' },
      { oid: `${IF_INDEX}.6`, type: ObjectType.Gauge, value: 4_294_967_295 },
      { oid: '1.3.6.1.6.3.18.1.4.0', type: ObjectType.OctetString, value: 'public' },
    ];
    await trap(session(Version2c), LINK_DOWN, varbinds, { upTime: 12_345 });
    await until(() => admissions.length === 1);
    expect(admitted()[0]).toMatchObject({ sourceAddress: '127.0.0.1', source: { name: 'all' } });
    expect(admitted()[0]!.notification).toEqual({
      version: '2c',
      trapOid: LINK_DOWN,
      upTimeSeconds: 123.45,
      varbinds: [
        { oid: IF_INDEX, value: -7 },
        { oid: `${IF_INDEX}.1`, value: 'Tür offen' },
        { oid: `${IF_INDEX}.2`, value: '0x0001fe' },
        { oid: `${IF_INDEX}.3`, value: 2 ** 32 },
        { oid: `${IF_INDEX}.4`, value: '1.3.6.1.4.1.9' },
        { oid: `${IF_INDEX}.5`, value: '10.1.2.3' },
        { oid: `${IF_INDEX}.6`, value: 4_294_967_295 },
      ],
    });
  });

  // Expected as Debian's snmptrapd 5.9.3 maps them.
  it('maps a generic version 1 trap by RFC 3584', async () => {
    const varbinds = [{ oid: IF_INDEX, type: ObjectType.Integer, value: 7 }];
    await trap(session(Version1), TrapType.LinkDown, varbinds, { agentAddr: '10.9.8.7', upTime: 100 });
    await until(() => admissions.length === 1);
    expect(admitted()[0]).toMatchObject({
      sourceAddress: '127.0.0.1',
      notification: {
        version: '1',
        agentAddress: '10.9.8.7',
        trapOid: LINK_DOWN,
        enterprise: '1.3.6.1.4.1',
        upTimeSeconds: 1,
        varbinds: [{ oid: IF_INDEX, value: 7 }],
      },
    });
  });

  it('maps an enterprise specific version 1 trap, and falls back to where it came from', async () => {
    await trap(session(Version1), '1.3.6.1.4.1.8072.99.17', [], { agentAddr: '0.0.0.0' });
    await until(() => admissions.length === 1);
    expect(admitted()[0]).toMatchObject({
      sourceAddress: '127.0.0.1',
      notification: { trapOid: '1.3.6.1.4.1.8072.99.0.17', enterprise: '1.3.6.1.4.1.8072.99' },
    });
  });

  it.each([
    ['one that names none', {}, '127.0.0.1'],
    ['one that names another network', { relays: ['10.0.0.0/8'] }, '127.0.0.1'],
    ['one that names the sender', { relays: ['10.0.0.0/8', '127.0.0.0/8'] }, '10.5.5.5'],
  ])('believes whom a relay names, and nobody else: %s', async (_, params, from) => {
    admission.setSources([source('relayed', params)]);
    const varbinds = [{ oid: '1.3.6.1.6.3.18.1.3.0', type: ObjectType.IpAddress, value: '10.5.5.5' }];
    await trap(session(Version2c), LINK_DOWN, varbinds);
    await trap(session(Version1), TrapType.LinkDown, [], { agentAddr: '10.5.5.5' });
    await until(() => admissions.length === 2);
    expect(admitted().map(({ sourceAddress }) => sourceAddress)).toEqual([from, from]);
  });

  it('lets nobody in by an agent address that is allowed, and keeps nobody out who is', async () => {
    admission.setSources([source('inner', { allowFrom: ['10.0.0.0/8'] })]);
    await trap(session(Version1), TrapType.LinkDown, [], { agentAddr: '10.5.5.5' });
    await until(() => admissions.length === 1);
    expect(refused()).toEqual(['network not allowed']);
    admission.setSources([source('inner', { allowFrom: ['127.0.0.1/32'] })]);
    await trap(session(Version1), TrapType.LinkDown, [], { agentAddr: '203.0.113.5' });
    await until(() => admissions.length === 2);
    expect(admitted()).toMatchObject([{ sourceAddress: '127.0.0.1' }]);
  });

  it('no sender speaks for the agents of another', () => {
    const rules = source('all', {}).rules;
    const keyOf = (sourceAddress: string) =>
      rules.alertsOf(
        {
          id: '',
          notification: { version: '1', trapOid: LINK_DOWN, agentAddress: '10.5.5.5', varbinds: [] },
          sourceAddress,
          at: clock.now(),
        },
        { nameOf: () => undefined },
      )[0]!.dedupKey;
    expect(new Set(['10.5.5.5', '10.6.6.6', '203.0.113.5'].map(keyOf)).size).toBe(3);
  });

  it('answers an inform with its own values', async () => {
    await new Promise<void>((resolve, reject) => {
      session(Version2c).inform(TrapType.ColdStart, (error) => (error ? reject(error) : resolve()));
    });
    expect(admitted().map(({ notification }) => notification.trapOid)).toEqual(['1.3.6.1.6.3.1.1.5.1']);
  });

  it('finds the source by community and network', async () => {
    await trap(session(Version2c, 'two'), LINK_DOWN);
    await until(() => datagrams.length === 1);
    admission.setSources([
      source('near', { communities: ['one', 'two'], allowFrom: ['10.0.0.0/8', 'fe80::/10'] }),
      source('far', { communities: ['two'], allowFrom: ['192.168.0.0/16'] }),
    ]);
    const names = ['10.1.2.3', '::ffff:192.168.9.9', 'fe80::1%eth0', '127.0.0.1'].map((address) => {
      const admission = admit(datagrams[0]!, address);
      return admission.source === undefined ? admission.refused?.reason : admission.source.name;
    });
    expect(names).toEqual(['near', 'far', 'near', 'network not allowed']);
  });

  it('tells the source that would have taken it but for its network', async () => {
    await trap(session(Version2c, 'two'), LINK_DOWN);
    await until(() => datagrams.length === 1);
    admission.setSources([
      source('all', {}),
      source('far', { communities: ['two'], allowFrom: ['192.168.0.0/16'] }),
    ]);
    const refusal = { reason: 'network not allowed', source: 'id of far' };
    expect(admit(datagrams[0]!)).toEqual({ sender: '127.0.0.1', refused: refusal });
  });

  const octets = (text: string): Buffer => ber(0x04, Buffer.from(text));
  const ofVersion2c = (tag: number, ...varbinds: Buffer[]): Buffer =>
    ber(
      0x30,
      integer(1),
      octets('public'),
      ber(tag, integer(1), integer(0), integer(0), ber(0x30, ...varbinds)),
    );
  const oddVarbind = ber(0x30, ber(0x06, Buffer.from([0x2b, 6, 1])), ber(0x1f, Buffer.from([1])));
  const headerV3 = (flags: number) =>
    ber(0x30, integer(1), integer(65_507), ber(0x04, Buffer.from([flags])), integer(3));
  const securityV3 = (user: string) =>
    ber(0x30, octets('engine'), integer(1), integer(1), octets(user), octets(''), octets(''));
  const trapV3 = ber(0x30, octets(''), octets(''), ber(0xa7, integer(1), integer(0), integer(0), ber(0x30)));
  const ofVersion3 = (user: string, flags = 0) =>
    ber(0x30, integer(3), headerV3(flags), ber(0x04, securityV3(user)), trapV3);

  it.each([
    ['garbage', Buffer.from('not snmp'), 'not an SNMP message'],
    ['nothing', Buffer.alloc(0), 'not an SNMP message'],
    ['a lone tag', Buffer.from([0x30]), 'not an SNMP message'],
    ['a length beyond the end', Buffer.from('3084ffffffff020101', 'hex'), 'not an SNMP message'],
    ['64 KB of nothing', Buffer.alloc(65_507), 'not an SNMP message'],
    ['no known version', ber(0x30, integer(2)), 'not an SNMP message'],
    ['an unknown community', ber(0x30, integer(1), octets('hush'), ber(0xa7)), 'unknown community'],
    ['a GetRequest', ofVersion2c(0xa0), 'not a notification'],
    ['a version 1 trap in version 2c', ofVersion2c(0xa4), 'not a notification'],
    ['a trap without snmpTrapOID', ofVersion2c(0xa7), 'not a notification'],
    ['an inform of odd values', ofVersion2c(0xa6, oddVarbind), 'not a notification'],
    ['version 3 without a user', ofVersion3(''), 'unknown user'],
    ['version 3 of an unknown user', ofVersion3('nobody'), 'unknown user'],
  ])('refuses %s', (_, message, reason) => {
    expect(admit(message)).toMatchObject({ sender: '127.0.0.1', refused: { reason } });
  });

  const withTools = hasSnmpTools() ? describe : describe.skip;
  withTools('of version 3, with the snmptrap of net-snmp', () => {
    const AUTH = ['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
    const NAMES = {
      md5: 'MD5',
      sha: 'SHA',
      sha224: 'SHA-224',
      sha256: 'SHA-256',
      sha384: 'SHA-384',
      sha512: 'SHA-512',
    };
    const PRIV = { des: 'DES', aes: 'AES', aes256b: 'AES-256', aes256r: 'AES-256-C' } as const;
    const [authKey, privKey] = ['authenticate-me', 'encrypt-me-too'];
    const engine = '0x80001f8880c0ffee00';

    const users: SnmpUser[] = [
      { user: 'plain', level: 'noAuthNoPriv' },
      ...AUTH.map((authProtocol) => ({
        user: `auth-${authProtocol}`,
        level: 'authNoPriv' as const,
        authProtocol,
        authKey,
      })),
      ...(['des', 'aes', 'aes256b', 'aes256r'] as const).map((privProtocol) => ({
        user: `priv-${privProtocol}`,
        level: 'authPriv' as const,
        authProtocol: 'sha256' as const,
        authKey,
        privProtocol,
        privKey,
      })),
    ];

    const tool = (command: string, args: string[]) =>
      run(command, ['-v3', ...args, `127.0.0.1:${port}`, '', LINK_DOWN, IF_INDEX, 'i', '7']);
    const argsOf = ({ user, level, authProtocol, privProtocol }: SnmpUser): string[] => [
      ...['-u', user, '-l', level],
      ...(authProtocol ? ['-a', NAMES[authProtocol], '-A', authKey] : []),
      ...(privProtocol ? ['-x', PRIV[privProtocol], '-X', privKey] : []),
    ];

    beforeEach(() => admission.setSources([source('secure', { communities: [], users: users })]));

    it.each(users.map((user) => [user.user, user] as const))(
      'takes a trap and an inform of %s',
      async (name, user) => {
        await tool('snmptrap', ['-e', engine, ...argsOf(user)]);
        await until(() => admitted().length === 1);
        await tool('snmpinform', ['-r', '0', '-t', '2', ...argsOf(user)]);
        await until(() => admitted().length === 2);
        expect(
          admitted().map((one) => [one.user, one.notification.version, one.notification.trapOid]),
        ).toEqual([
          [name, '3', LINK_DOWN],
          [name, '3', LINK_DOWN],
        ]);
        expect(refused()).toEqual([]);
      },
    );

    it.each([
      ['an unknown user', ['-u', 'nobody', '-l', 'noAuthNoPriv'], 'unknown user'],
      ['a wrong key', ['-u', 'auth-sha', '-l', 'authNoPriv', '-a', 'SHA', '-A', 'wrong-wrong'], 'wrong key'],
      ['no signature of who must sign', ['-u', 'auth-sha', '-l', 'noAuthNoPriv'], 'security level too low'],
      [
        'no encryption of who must encrypt',
        ['-u', 'priv-aes', '-l', 'authNoPriv', '-a', 'SHA-256', '-A', authKey],
        'security level too low',
      ],
    ])('refuses %s', async (_, args, reason) => {
      await tool('snmptrap', ['-e', engine, ...args]);
      await until(() => refused().length === 1);
      expect(refused()).toEqual([reason]);
      expect(admitted()).toEqual([]);
    });

    it('refuses a replay: the same message, and one of older times', async () => {
      const [user] = users.filter(({ user }) => user === 'auth-sha');
      await tool('snmptrap', ['-e', engine, ...argsOf(user!)]);
      await until(() => admitted().length === 1);
      const [recorded] = datagrams;
      expect(admit(recorded!)).toMatchObject({ refused: { reason: 'replayed' } });
      clock.advance(86_400);
      expect(admit(recorded!)).toMatchObject({ refused: { reason: 'replayed' } });
    });

    it('refuses an inform that was recorded when its time is over', async () => {
      const [user] = users.filter(({ user }) => user === 'auth-sha');
      await tool('snmpinform', ['-r', '0', ...argsOf(user!)]);
      await until(() => admitted().length === 1);
      clock.advance(151);
      expect(admit(datagrams.at(-1)!)).toMatchObject({ refused: { reason: 'replayed' } });
    });

    it.each(['auth-md5', 'auth-sha', 'auth-sha512', 'priv-aes'])(
      'tells the sender of an inform the right time, so that it sends it anew: %s',
      async (name) => {
        const user = users.find((one) => one.user === name)!;
        await tool('snmpinform', ['-r', '2', '-t', '2', '-Z', '1,5', ...argsOf(user)]);
        await until(() => admitted().length === 1);
        expect(refused()).toEqual(['replayed']);
      },
    );

    it('a sender that says no time asks for it (RFC 3414, 4), and is not refused', async () => {
      const user = users.find((one) => one.user === 'auth-sha')!;
      // The engine is known to it, so that the first thing it sends is signed, with boots and time of 0.
      await tool('snmpinform', ['-r', '2', '-t', '2', '-e', '0x8000b98380aabbccdd', ...argsOf(user)]);
      await until(() => admitted().length === 1);
      expect(admissions.length).toBeGreaterThan(1);
      expect(refused()).toEqual([]);
    });

    it('the right time is told for a signed inform alone, in fewer bytes than it has', async () => {
      const user = users.find((one) => one.user === 'auth-sha')!;
      await tool('snmpinform', ['-r', '0', ...argsOf(user)]);
      await until(() => admitted().length === 1);
      clock.advance(151);
      const late = admit(datagrams.at(-1)!);
      const { answer } = late as { answer?: Buffer };
      expect(answer!.includes(Buffer.from('2b060106030f01010200', 'hex'))).toBe(true);
      expect(answer!.length).toBeLessThan(datagrams.at(-1)!.length);
      // Nobody learns anything for a message that is not signed.
      const forged = Buffer.from(datagrams.at(-1)!);
      forged[forged.length - 1]! ^= 1;
      expect(admit(forged)).toMatchObject({ refused: { reason: 'wrong key' } });
      expect(admit(forged)).not.toHaveProperty('answer');
    });

    it('derives keys for new engines so many times a second and no more', async () => {
      const [user] = users.filter(({ user }) => user === 'auth-sha');
      await tool('snmptrap', ['-e', engine, ...argsOf(user!)]);
      await until(() => admitted().length === 1);
      const bytes = datagrams[0]!;
      const at = bytes.indexOf(Buffer.from('c0ffee00', 'hex'));
      const reasons = Array.from({ length: 60 }, (_, n) => {
        const forged = Buffer.from(bytes);
        forged.writeUInt32BE(n, at);
        const admission = admit(forged);
        return admission.source === undefined ? admission.refused?.reason : 'admitted';
      });
      expect(reasons.filter((reason) => reason === 'wrong key').length).toBeLessThan(51);
      expect(reasons.at(-1)).toBe('too many unknown engines');
    });
  });
});
