import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { SocketAddress, isIPv4 } from 'node:net';

const TYPES = { A: 1, AAAA: 28 };
const RCODES = { servfail: 2, unknown: 3, refused: 5 } as const;

/** What the server says to a name: addresses, nothing at all, that it fails, or what is no answer to the question. */
export type DnsAnswer = readonly string[] | 'silence' | 'garbage' | 'other id' | keyof typeof RCODES;

/** A name server (RFC 1035) that speaks UDP on a port of 127.0.0.1. It answers what `zone` says, by name in small letters. */
export class DnsStandIn {
  /** Names that it was asked for, one for each question. */
  readonly asked: string[] = [];
  ttlSeconds = 60;

  private constructor(
    private readonly socket: Socket,
    private readonly zone: (name: string, type: 'A' | 'AAAA') => DnsAnswer,
  ) {
    socket.on('message', (question, sender) => this.hear(question, sender));
    socket.on('error', () => undefined);
  }

  static async start(zone: (name: string, type: 'A' | 'AAAA') => DnsAnswer): Promise<DnsStandIn> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsStandIn(socket, zone);
  }

  /** As `setServers` of Node takes it. */
  get server(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  stop(): void {
    this.socket.close();
  }

  private hear(question: Buffer, { port, address }: RemoteInfo): void {
    const { name, end, type } = questionIn(question);
    this.asked.push(name);
    const kind = type === TYPES.AAAA ? 'AAAA' : 'A';
    const answer = this.zone(name, kind);
    if (answer === 'silence') return;
    this.socket.send(this.message(question.subarray(0, end), answer, kind), port, address);
  }

  private message(question: Buffer, answer: DnsAnswer, kind: 'A' | 'AAAA'): Buffer {
    if (answer === 'garbage') return Buffer.from('this is no answer');
    const header = Buffer.from(question.subarray(0, 12));
    if (answer === 'other id') header.writeUInt16BE(header.readUInt16BE(0) ^ 0xffff, 0);
    const addresses =
      typeof answer === 'string' ? [] : answer.filter((one) => isIPv4(one) === (kind === 'A'));
    const rcode = typeof answer === 'string' && answer in RCODES ? RCODES[answer as keyof typeof RCODES] : 0;
    header.writeUInt16BE(0x8180 | rcode, 2);
    header.writeUInt16BE(addresses.length, 6);
    header.writeUInt32BE(0, 8);
    return Buffer.concat([header, question.subarray(12), ...addresses.map((one) => this.record(one, kind))]);
  }

  private record(address: string, kind: 'A' | 'AAAA'): Buffer {
    const bytes = bytesOf(address);
    // The name is the question's: a pointer to it.
    const head = Buffer.from([0xc0, 12, 0, TYPES[kind], 0, 1, 0, 0, 0, 0, 0, bytes.length]);
    head.writeUInt32BE(this.ttlSeconds, 6);
    return Buffer.concat([head, bytes]);
  }
}

function questionIn(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  while (message[at]! > 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + message[at]!).toLowerCase());
    at += 1 + message[at]!;
  }
  return { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function bytesOf(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = new SocketAddress({ address, family: 'ipv6' }).address.split('::');
  const groupsOf = (text: string): string[] => text.split(':').filter(Boolean);
  const [begin, end] = [groupsOf(head), groupsOf(tail)];
  const middle = new Array<string>(8 - begin.length - end.length).fill('0');
  return Buffer.from([...begin, ...middle, ...end].map((group) => group.padStart(4, '0')).join(''), 'hex');
}
