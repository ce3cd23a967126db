import { createSocket } from 'node:dgram';
import {
  createSession,
  ObjectType,
  TrapType,
  Version1,
  Version2c,
  type Session,
  type Varbind,
} from 'net-snmp';
import { ber, integer } from '../../../test/stand-ins/snmp-agents';
import { TrapReceiver, type Notification } from './trap-receiver';

const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3';
const IF_INDEX = '1.3.6.1.2.1.2.2.1.1.7';

describe('the trap receiver', () => {
  let notifications: Notification[];
  let refused: [address: string, reason: string][];
  let onNotification: (notification: Notification) => void;
  let receiver: TrapReceiver;
  let sessions: Session[];

  beforeEach(async () => {
    notifications = [];
    refused = [];
    sessions = [];
    onNotification = (notification) => notifications.push(notification);
    receiver = new TrapReceiver({
      host: '127.0.0.1',
      port: 0,
      communities: ['public'],
      onNotification: (notification) => onNotification(notification),
      onRefused: (address, reason) => refused.push([address, reason]),
    });
    await receiver.start();
  });

  afterEach(async () => {
    sessions.forEach((session) => session.close());
    await receiver.stop();
  });

  function session(version: typeof Version1 | typeof Version2c, community = 'public'): Session {
    const made = createSession('127.0.0.1', community, { version, trapPort: receiver.port });
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

  const raw = (message: Buffer): Promise<void> =>
    new Promise((resolve) => {
      const socket = createSocket('udp4');
      socket.send(message, receiver.port, '127.0.0.1', () => socket.close(() => resolve()));
    });

  async function until(claim: () => boolean): Promise<void> {
    for (let tries = 0; tries < 200 && !claim(); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(claim()).toBe(true);
  }

  it('takes a version 2c trap', async () => {
    const varbinds = [
      { oid: IF_INDEX, type: ObjectType.Integer, value: 7 },
      { oid: `${IF_INDEX}.1`, type: ObjectType.OctetString, value: 'Tür offen' },
      { oid: `${IF_INDEX}.2`, type: ObjectType.OctetString, value: Buffer.from([0, 1, 0xfe]) },
      { oid: `${IF_INDEX}.3`, type: ObjectType.Counter64, value: Buffer.from('0100000000', 'hex') },
      { oid: `${IF_INDEX}.4`, type: ObjectType.OID, value: '1.3.6.1.4.1.9' },
      { oid: `${IF_INDEX}.5`, type: ObjectType.IpAddress, value: '10.1.2.3' },
      { oid: '1.3.6.1.6.3.18.1.4.0', type: ObjectType.OctetString, value: 'public' },
    ];
    await trap(session(Version2c), LINK_DOWN, varbinds, { upTime: 12_345 });
    await until(() => notifications.length === 1);
    expect(notifications).toEqual([
      {
        version: '2c',
        sourceAddress: '127.0.0.1',
        trapOid: LINK_DOWN,
        upTimeSeconds: 123.45,
        varbinds: [
          { oid: IF_INDEX, value: 7 },
          { oid: `${IF_INDEX}.1`, value: 'Tür offen' },
          { oid: `${IF_INDEX}.2`, value: '0x0001fe' },
          { oid: `${IF_INDEX}.3`, value: 2 ** 32 },
          { oid: `${IF_INDEX}.4`, value: '1.3.6.1.4.1.9' },
          { oid: `${IF_INDEX}.5`, value: '10.1.2.3' },
        ],
      },
    ]);
  });

  // Expected as Debian's snmptrapd 5.9.3 maps them.
  it('maps a generic version 1 trap by RFC 3584', async () => {
    await trap(
      session(Version1),
      TrapType.LinkDown,
      [{ oid: IF_INDEX, type: ObjectType.Integer, value: 7 }],
      {
        agentAddr: '10.9.8.7',
        upTime: 100,
      },
    );
    await until(() => notifications.length === 1);
    expect(notifications[0]).toEqual({
      version: '1',
      sourceAddress: '10.9.8.7',
      trapOid: LINK_DOWN,
      enterprise: '1.3.6.1.4.1',
      upTimeSeconds: 1,
      varbinds: [{ oid: IF_INDEX, value: 7 }],
    });
  });

  it('maps an enterprise specific version 1 trap, and falls back to where it came from', async () => {
    await trap(session(Version1), '1.3.6.1.4.1.8072.99.17', [], { agentAddr: '0.0.0.0' });
    await until(() => notifications.length === 1);
    expect(notifications[0]).toMatchObject({
      version: '1',
      sourceAddress: '127.0.0.1',
      trapOid: '1.3.6.1.4.1.8072.99.0.17',
      enterprise: '1.3.6.1.4.1.8072.99',
    });
  });

  it('takes and acknowledges an inform', async () => {
    const informer = createSession('127.0.0.1', 'public', { version: Version2c, trapPort: receiver.port });
    sessions.push(informer);
    await new Promise<void>((resolve, reject) => {
      informer.inform(TrapType.ColdStart, (error) => (error ? reject(error) : resolve()));
    });
    expect(notifications.map(({ trapOid }) => trapOid)).toEqual(['1.3.6.1.6.3.1.1.5.1']);
  });

  it('refuses a wrong community, and tells none', async () => {
    await trap(session(Version2c, 'hush-hush'), LINK_DOWN);
    await until(() => refused.length === 1);
    expect(refused).toEqual([['127.0.0.1', 'unknown community']]);
    expect(notifications).toEqual([]);
  });

  it('takes changed communities while it runs', async () => {
    receiver.setCommunities(['new-one']);
    await trap(session(Version2c, 'public'), LINK_DOWN);
    await until(() => refused.length === 1);
    await trap(session(Version2c, 'new-one'), LINK_DOWN);
    await until(() => notifications.length === 1);
  });

  const octets = (text: string): Buffer => ber(0x04, Buffer.from(text));
  const ofVersion2c = (tag: number, ...varbinds: Buffer[]): Buffer =>
    ber(
      0x30,
      integer(1),
      octets('public'),
      ber(tag, integer(1), integer(0), integer(0), ber(0x30, ...varbinds)),
    );
  const oddVarbind = ber(0x30, ber(0x06, Buffer.from([0x2b, 6, 1])), ber(0x01, Buffer.from([1])));
  const headerV3 = ber(0x30, integer(1), integer(65_507), ber(0x04, Buffer.from([0])), integer(3));
  const securityV3 = ber(0x30, octets('engine'), integer(1), integer(1), octets(''), octets(''), octets(''));
  const trapV3 = ber(0x30, octets(''), octets(''), ber(0xa7, integer(1), integer(0), integer(0), ber(0x30)));

  it.each([
    ['garbage', Buffer.from('not snmp'), 'not an SNMP message'],
    ['nothing', Buffer.alloc(0), 'not an SNMP message'],
    ['a lone tag', Buffer.from([0x30]), 'not an SNMP message'],
    ['a GetRequest', ofVersion2c(0xa0), 'not a notification'],
    ['a trap without snmpTrapOID', ofVersion2c(0xa7), 'the notification has no snmpTrapOID.0'],
    ['an inform of odd values', ofVersion2c(0xa6, oddVarbind), /./],
    [
      'version 3 without a user',
      ber(0x30, integer(3), headerV3, ber(0x04, securityV3), trapV3),
      'version 3 without a known user',
    ],
  ])('refuses %s and goes on', async (_, message, reason) => {
    await raw(message);
    await until(() => refused.length === 1);
    expect(refused[0]).toEqual(['127.0.0.1', expect.stringMatching(reason)]);
    await trap(session(Version2c), LINK_DOWN);
    await until(() => notifications.length === 1);
  });

  it('counts what its taker throws as refused', async () => {
    onNotification = () => {
      throw new Error('no room left');
    };
    await trap(session(Version2c), LINK_DOWN);
    await until(() => refused.length === 1);
    expect(refused).toEqual([['127.0.0.1', 'no room left']]);
  });

  it('says that the port is taken', async () => {
    const { port } = receiver;
    const second = new TrapReceiver({
      host: '127.0.0.1',
      port,
      communities: [],
      onNotification,
      onRefused: () => undefined,
    });
    await expect(second.start()).rejects.toThrow(
      `cannot receive SNMP notifications on 127.0.0.1:${port}: the port is in use by another program`,
    );
    await second.stop();
  });

  it('hears nothing any more once it has stopped', async () => {
    const { port } = receiver;
    await receiver.stop();
    await receiver.stop();
    const again = new TrapReceiver({
      host: '127.0.0.1',
      port,
      communities: [],
      onNotification,
      onRefused: () => undefined,
    });
    await again.start();
    expect(again.port).toBe(port);
    await again.stop();
  });

  it('loses none of a burst', async () => {
    const sender = session(Version2c);
    await Promise.all(Array.from({ length: 3000 }, () => trap(sender, LINK_DOWN)));
    await until(() => notifications.length === 3000);
  });
});
