/** Thread that sends wrong passwords at an even rate, so that what it takes is not measured with what runs beside it. */
import { once } from 'node:events';
import net from 'node:net';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { sleep } from './program';

/** Most guesses that wait for their answers. */
const AT_ONCE = 200;
/** Gap between two guesses: as many in a second as so many that wait two seconds for each answer would send. */
const GAP_MS = 10;

export interface Guesses {
  url: string;
  count: number;
  /** Number of the first one: names and addresses go round by it. */
  from: number;
  users: number;
  addresses: number;
}

/** Numbers of answers by their status. */
export type Statuses = Map<number, number>;

export class GuessThread {
  private readonly thread = new Worker(__filename, { execArgv: ['-r', '@swc-node/register'] });

  /** Resolves once it could send at once: loading its code takes a processor for seconds. */
  static async start(): Promise<GuessThread> {
    const started = new GuessThread();
    await once(started.thread, 'message');
    return started;
  }

  /** Sends wrong passwords. Resolves when all are answered. */
  async send(guesses: Guesses): Promise<Statuses> {
    this.thread.postMessage(guesses);
    const [statuses] = (await once(this.thread, 'message')) as [Statuses];
    return statuses;
  }

  async stop(): Promise<void> {
    await this.thread.terminate();
  }
}

async function send({ url, count, from, users, addresses }: Guesses): Promise<Statuses> {
  const statuses: Statuses = new Map();
  const open = new Set<Promise<void>>();
  let dueAt = performance.now();
  for (let n = from; n < from + count; n++) {
    while (open.size >= AT_ONCE) await Promise.race(open);
    // What could not be sent in time is not made up for: that would be a burst.
    dueAt = Math.max(dueAt + GAP_MS, performance.now());
    await sleep(dueAt - performance.now());
    const name = n % 2 ? `user-${n % users}` : `nobody-${n % users}`;
    const answered = guess(url, name, `198.18.0.${n % addresses}`).then((status) => {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      open.delete(answered);
    });
    open.add(answered);
  }
  await Promise.all(open);
  return statuses;
}

/**
 * Sends a wrong password on a connection of its own, as many machines would, by a socket alone: a client of HTTP takes
 * as long as the program does.
 *
 * @param address that the proxy before the program names
 * @returns status of the answer
 */
export function guess(url: string, username: string, address: string): Promise<number> {
  const { hostname, port, host } = new URL(url);
  const body = JSON.stringify({ username, password: 'a wrong password' });
  const head = [
    'POST /api/v1/session HTTP/1.1',
    `Host: ${host}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Forwarded-For: ${address}`,
    'Connection: close',
  ];
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname);
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (answer += text));
    socket.on('error', reject);
    socket.on('close', () => {
      const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(answer) ?? [];
      if (status === undefined) reject(new Error('a guess was not answered'));
      else resolve(Number(status));
    });
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}

if (!isMainThread) {
  parentPort!.on(
    'message',
    (guesses: Guesses) => void send(guesses).then((statuses) => parentPort!.postMessage(statuses)),
  );
  parentPort!.postMessage('ready');
}
