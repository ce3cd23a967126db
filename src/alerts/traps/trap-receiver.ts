import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { createReceiver, type Receiver, type ReceiverCallback, type ReceiverOptions } from 'net-snmp';
import { messageOf } from '../../common/errors';
import { notificationIn, plainAddress, type Notification } from './notification';

export type { Notification } from './notification';

export interface TrapReceiverOptions {
  /** Address to listen on; IPv6 when it has a colon. */
  host: string;
  /** UDP; 0 takes a free one. */
  port: number;
  communities: string[];
  /** What it throws is caught, and the notification counts as refused: an inform is acknowledged by then. */
  onNotification(notification: Notification): void;
  /** Called per datagram, garbage included: whoever logs it limits the rate. The reason never holds a community. */
  onRefused(sourceAddress: string, reason: string): void;
}

/** Holds a burst of some 30,000 traps; the kernel caps it at net.core.rmem_max. */
const RECEIVE_BUFFER_BYTES = 4 << 20;

/** Receives SNMP notifications, traps and informs, of versions 1 and 2c. Version 3 is refused until it has users. */
export class TrapReceiver {
  private socket: Socket | undefined;
  private receiver: Receiver | undefined;

  constructor(private readonly options: TrapReceiverOptions) {}

  /** @throws Error when the port is taken or not permitted */
  async start(): Promise<void> {
    const { host, port } = this.options;
    const type = isIPv6(host) ? 'udp6' : 'udp4';
    const socket = createSocket({ type, recvBufferSize: RECEIVE_BUFFER_BYTES });
    try {
      socket.bind(port, host);
      await once(socket, 'listening');
    } catch (error) {
      socket.close();
      throw new Error(`cannot receive SNMP notifications on ${host}:${port}: ${bindReason(error)}`, {
        cause: error,
      });
    }
    this.socket = socket;
    this.receiver = receiverOn(socket, type, (error, notification) => {
      if (error || !notification) this.refuse(error?.rinfo?.address ?? host, reasonOf(error));
      else this.take(notification);
    });
    this.setCommunities(this.options.communities);
    guard(socket, (sender) => this.refuse(sender, 'the message is not valid'));
  }

  /** The actual port; the one asked for before `start`. */
  get port(): number {
    return this.socket?.address().port ?? this.options.port;
  }

  /** Counts from the next datagram on. */
  setCommunities(communities: string[]): void {
    const authorizer = this.receiver?.getAuthorizer();
    for (const gone of authorizer?.getCommunities().filter((known) => !communities.includes(known)) ?? []) {
      authorizer?.deleteCommunity(gone);
    }
    for (const community of communities) authorizer?.addCommunity(community);
    this.options.communities = communities;
  }

  async stop(): Promise<void> {
    const { socket } = this;
    this.socket = this.receiver = undefined;
    if (socket) await new Promise<void>((resolve) => socket.close(resolve));
  }

  private take({ pdu, rinfo }: NonNullable<Parameters<ReceiverCallback>[1]>): void {
    // net-snmp lets pass a version 3 message without a user.
    if (pdu.scoped) return this.refuse(rinfo.address, 'version 3 without a known user');
    try {
      this.options.onNotification(notificationIn(pdu, rinfo.address));
    } catch (error) {
      this.refuse(rinfo.address, messageOf(error));
    }
  }

  private refuse(sourceAddress: string, reason: string): void {
    try {
      this.options.onRefused(plainAddress(sourceAddress), reason);
    } catch {
      // Nobody is left to tell, and the listener must go on.
    }
  }
}

/** net-snmp would bind by itself and report a taken port as if a datagram had been wrong; port 0 it can't. */
function receiverOn(socket: Socket, transport: 'udp4' | 'udp6', callback: ReceiverCallback): Receiver {
  socket.bind = () => socket;
  const options: ReceiverOptions = { transport, dgramModule: { createSocket: () => socket } };
  return createReceiver(options, callback) as Receiver;
}

/** Acknowledging an inform whose values can't be written back throws inside net-snmp, which would end the process. */
function guard(socket: Socket, onFault: (sender: string) => void): void {
  const [listener] = socket.listeners('message') as ((
    message: Buffer,
    sender: { address: string },
  ) => void)[];
  socket.removeAllListeners('message');
  socket.on('message', (message, sender) => {
    try {
      listener?.(message, sender);
    } catch {
      onFault(sender.address);
    }
  });
}

const BIND_REASONS: Record<string, string> = {
  EADDRINUSE: 'the port is in use by another program',
  EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: 'this machine has no such address',
};

const bindReason = (error: unknown): string =>
  BIND_REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);

/** By name, since net-snmp's own messages hold the community. */
function reasonOf(error: Error | null): string {
  switch (error?.name) {
    case 'ProcessingError':
      return 'not an SNMP message';
    case 'RequestInvalidError':
      return 'not a notification';
    case 'RequestFailedError':
      return error.message.includes('community') ? 'unknown community' : 'unknown user';
    case 'ResponseInvalidError':
      return 'the signature or encryption is wrong';
    default:
      return 'the socket failed';
  }
}
