import net, { type LookupFunction, type Socket } from 'node:net';
import { guardedLookup, refuseAddress } from './address-guard';

export interface Endpoint {
  host: string;
  port: number;
}

/**
 * Opens a TCP connection to a target, for protocols whose libraries would look its name up by themselves.
 *
 * @throws AddressRefused, what sockets throw, an error when it takes too long, the signal's reason
 */
export function connectTo({ host, port }: Endpoint, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    refuseAddress(host);
    const socket = net.connect({ host, port, lookup: guardedLookup as LookupFunction });
    const fail = (error: Error): void => {
      end();
      socket.destroy();
      reject(error);
    };
    const stop = (): void => fail(signal.reason as Error);
    const late = setTimeout(() => fail(new Error(`no connection in ${timeoutMs / 1000} s`)), timeoutMs);
    const end = (): void => {
      clearTimeout(late);
      signal.removeEventListener('abort', stop);
    };
    signal.addEventListener('abort', stop, { once: true });
    // Until somebody else listens, and after it was left behind.
    socket.on('error', fail);
    socket.once('connect', () => {
      end();
      resolve(socket);
    });
  });
}
