/** GET or HEAD over a connection of its own, whose answer is read without insisting on HTTP's letter. */
import { once } from 'node:events';
import { validateHeaderValue } from 'node:http';
import net, { type LookupFunction, type Socket } from 'node:net';
import tls from 'node:tls';
import { withoutBrackets } from '../../common/addresses';
import { heard } from '../../common/heard';
import { guardedLookup, refuseAddress } from '../address-guard';
import { readAnswer } from './lenient-answer';
import type { HttpAnswer, HttpRequest } from './http-call';

/**
 * Sends a request and reads its answer leniently.
 *
 * @param connected called when there is a connection to send it on
 * @throws what sockets and TLS throw, the signal's reason, and what is wrong with the answer
 */
export async function askLeniently(
  request: HttpRequest,
  connected: () => void,
  connectTimeoutMs: number,
  bytesAtMost: number,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  signal.throwIfAborted();
  const message = messageOf(request);
  const socket = connectionTo(request);
  const stop = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  const late = setTimeout(
    () => socket.destroy(new Error(`no connection in ${connectTimeoutMs / 1000} s`)),
    connectTimeoutMs,
  );
  try {
    await once(socket, socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect');
    clearTimeout(late);
    connected();
    socket.write(message);
    return await readAnswer(socket, request.method === 'HEAD', bytesAtMost);
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

function connectionTo({ url, tls: options }: HttpRequest): Socket {
  const { protocol, hostname, port } = new URL(url);
  refuseAddress(hostname);
  const host = withoutBrackets(hostname);
  const isTls = protocol === 'https:';
  const at = { host, port: Number(port) || (isTls ? 443 : 80), lookup: guardedLookup as LookupFunction };
  // Whoever waits for it is told; nobody may be.
  if (!isTls) return heard(net.connect(at));
  const servername = net.isIP(host) === 0 ? host : undefined;
  return heard(tls.connect({ ...at, servername, ALPNProtocols: ['http/1.1'], ...options }));
}

function messageOf({ method, url, headers, body = Buffer.alloc(0) }: HttpRequest): Buffer {
  const { host, pathname, search } = new URL(url);
  const theirs = Object.keys(headers).map((name) => name.toLowerCase());
  const ours = { host, 'accept-encoding': 'identity', connection: 'close' };
  const left = Object.entries(ours).filter(([name]) => !theirs.includes(name));
  const length = body.length > 0 ? [['content-length', String(body.length)] as const] : [];
  const lines = [...left, ...Object.entries(headers), ...length].map(([name, value]) => {
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  const head = `${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}
