/** SNMP agents in the process: net-snmp's own, and hand-made ones that misbehave. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createAgent, MibProviderType, type ObjectType, type User } from 'net-snmp';

export interface StandIn {
  port: number;
  close(): Promise<void>;
}

export interface Scalar {
  /** Without the `.0` of its instance. */
  oid: string;
  type: ObjectType;
  value: unknown;
}

/** An agent that knows these scalars, a community and perhaps a user. */
export async function startSnmpAgent(
  scalars: Scalar[],
  community = 'public',
  user?: User,
  on = 0,
): Promise<StandIn> {
  const socket = await bound('127.0.0.1', on);
  const { port } = socket.address();
  socket.bind = () => socket;
  const agent = createAgent({ port, dgramModule: { createSocket: () => socket } }, () => undefined);
  agent.getAuthorizer().addCommunity(community);
  if (user) agent.getAuthorizer().addUser(user);
  for (const { oid, type, value } of scalars) {
    agent.registerProvider({ name: oid, type: MibProviderType.Scalar, oid, scalarType: type, maxAccess: 2 });
    agent.getMib().setScalarValue(oid, value);
  }
  return { port, close: () => closed(socket) };
}

export interface Get {
  version: number;
  community: string;
  id: number;
  oids: string[];
}

/** A UDP socket that answers each datagram as it is told; `heard` counts them. */
export async function startUdp(
  answer: (message: Buffer, sender: RemoteInfo, socket: Socket) => void,
): Promise<StandIn & { heard: () => number }> {
  const socket = await bound('127.0.0.1');
  let count = 0;
  socket.on('message', (message, sender) => {
    count += 1;
    answer(message, sender, socket);
  });
  return { port: socket.address().port, close: () => closed(socket), heard: () => count };
}

export async function bound(host: string, port = 0): Promise<Socket> {
  const socket = createSocket('udp4').bind(port, host);
  await once(socket, 'listening');
  return socket;
}

export const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.close(resolve));

/** The GetRequest of version 1 or 2c in a datagram. */
export function getIn(message: Buffer): Get {
  const [version, community, pdu] = parts(parts(message)[0]!.body);
  const [id, , , varbinds] = parts(pdu!.body);
  const oids = parts(varbinds!.body).map(({ body }) => oidIn(parts(body)[0]!.body));
  return {
    version: version!.body.readUInt8(),
    community: community!.body.toString(),
    id: id!.body.readIntBE(0, id!.body.length),
    oids,
  };
}

/** The answer to it. A value is a whole BER field; an error status and index as in RFC 3416, 3. */
export function responseTo(get: Get, values: [oid: string, value: Buffer][], status = 0, index = 0): Buffer {
  const varbinds = values.map(([oid, value]) => ber(0x30, ber(0x06, oidBytes(oid)), value));
  const pdu = ber(0xa2, integer(get.id), integer(status), integer(index), ber(0x30, ...varbinds));
  return ber(0x30, integer(get.version), ber(0x04, Buffer.from(get.community)), pdu);
}

export function integer(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeIntBE(value, 0, 5);
  return ber(0x02, bytes);
}

export function ber(tag: number, ...contents: Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function parts(bytes: Buffer): { tag: number; body: Buffer }[] {
  const found: { tag: number; body: Buffer }[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes.readUInt8(at + 1);
    const long = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + long;
    const end = start + (long ? bytes.readUIntBE(at + 2, long) : first);
    found.push({ tag: bytes.readUInt8(at), body: bytes.subarray(start, end) });
    at = end;
  }
  return found;
}

function oidIn([first = 0, ...rest]: Iterable<number> & Buffer): string {
  const numbers = [Math.floor(first / 40), first % 40];
  let number = 0;
  for (const byte of rest) {
    number = number * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      numbers.push(number);
      number = 0;
    }
  }
  return numbers.join('.');
}

function oidBytes(oid: string): Buffer {
  const [first = 0, second = 0, ...rest] = oid.split('.').map(Number);
  const bytes = rest.flatMap((number) => {
    const septets = [number & 0x7f];
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128))
      septets.unshift((left & 0x7f) | 0x80);
    return septets;
  });
  return Buffer.from([first * 40 + second, ...bytes]);
}
