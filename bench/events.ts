/**
 * What clients of `GET /events` cost the line: alerts that change the state of their services at a steady rate, without
 * clients and with them.
 *
 *     npm run bench events
 *     npm run bench events -- --clients 1000 --tokens 200 --rate 50 --seconds 20
 */
import net from 'node:net';
import { parseArgs } from 'node:util';
import { BenchProgram, printTable, quantile, sleep, until } from './program';

const SERVICES = 200;
const STATE = /"name":"(copy-\d+)","phase":"(\w+)"/g;

interface Setting {
  rate: number;
  seconds: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      clients: { type: 'string', default: '1000' },
      /** Different callers that the clients are. */
      tokens: { type: 'string', default: '200' },
      rate: { type: 'string', default: '50' },
      seconds: { type: 'string', default: '20' },
    },
  });
  const setting = { rate: Number(values.rate), seconds: Number(values.seconds) };
  const program = await BenchProgram.start();
  const clients: Listener[] = [];
  try {
    await prepare(program);
    const tokens = await tokensOf(program, Number(values.tokens));
    // V8 compiles meanwhile.
    await load(program, { ...setting, seconds: 10 });
    await measure('without clients', program, setting, clients);
    const began = performance.now();
    for (let n = 0; n < Number(values.clients); n++)
      clients.push(new Listener(program.url, tokens[n % tokens.length]!));
    await until(() => clients.every(({ isOpen }) => isOpen), 'all streams are open');
    const openMs = performance.now() - began;
    await measure(
      `${clients.length} clients, opened in ${(openMs / 1_000).toFixed(1)} s`,
      program,
      setting,
      clients,
    );
    const before = clients.length;
    for (const client of clients.splice(0)) client.close();
    await sleep(1_000);
    await measure(`without clients, after ${before} have left`, program, setting, clients);
  } finally {
    for (const client of clients) client.close();
    await program.stop();
  }
}

/** A client that reads and counts. */
class Listener {
  isOpen = false;
  events = 0;
  delays: number[] = [];
  private readonly socket: net.Socket;

  constructor(url: string, token: string) {
    const { hostname, port } = new URL(url);
    this.socket = net.connect(Number(port), hostname);
    this.socket.on('error', () => undefined);
    this.socket.write(
      `GET /api/v1/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    this.socket.on('data', (chunk) => this.take(chunk));
  }

  private take(chunk: Buffer): void {
    const text = chunk.toString('latin1');
    this.isOpen ||= text.startsWith('HTTP/1.1 200');
    this.events += text.split('event: state').length - 1;
  }

  /** Notes how long it took until something was told; done by one client alone, as it takes time itself. */
  note(sent: Map<string, number>): void {
    this.socket.on('data', (chunk) => {
      for (const [, name, phase] of chunk.toString('latin1').matchAll(STATE)) {
        const at = sent.get(`${name} ${phase}`);
        if (at === undefined) continue;
        this.delays.push(performance.now() - at);
        sent.delete(`${name} ${phase}`);
      }
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

async function prepare(program: BenchProgram): Promise<void> {
  await program.post('/api/v1/actions', { name: 'tell', type: 'log_message', params: { message: 'x' } });
  await program.post('/api/v1/services', {
    name: 'template',
    metrics: { m: { type: 'alert', params: { match: { host: 'template' } } } },
    condition: 'm > 0',
    wisdomSeconds: 0,
    actions: ['tell'],
  });
  await program.copyService('template', SERVICES, {
    metrics: `jsonb_set(s.metrics, '{m,params,match,host}', to_jsonb('copy-' || c.n))`,
  });
}

async function tokensOf(program: BenchProgram, count: number): Promise<string[]> {
  const made = Array.from({ length: count }, (_, n) =>
    program.post<{ token: string }>('/api/v1/tokens', { name: `bench ${n}`, role: 'viewer' }),
  );
  return (await Promise.all(made)).map(({ token }) => token);
}

/** Posts alerts at a steady rate, each of which changes the state of its service. */
async function load(
  program: BenchProgram,
  { rate, seconds }: Setting,
  sent = new Map<string, number>(),
): Promise<number[]> {
  const took: number[] = [];
  const waiting: Promise<unknown>[] = [];
  const began = performance.now();
  for (let n = 0; n < rate * seconds; n++) {
    const dueIn = began + (n * 1_000) / rate - performance.now();
    if (dueIn > 0) await sleep(dueIn);
    const isFiring = Math.floor(n / SERVICES) % 2 === 0;
    const host = `copy-${(n % SERVICES) + 1}`;
    const at = performance.now();
    sent.set(`${host} ${isFiring ? 'alarm' : 'ok'}`, at);
    const body = { labels: { host }, status: isFiring ? 'firing' : 'resolved', value: 1 };
    waiting.push(program.post('/api/v1/alerts', body).then(() => took.push(performance.now() - at)));
  }
  await Promise.all(waiting);
  // All end resolved, whatever the numbers are.
  for (let n = 1; n <= SERVICES; n++)
    await program.post('/api/v1/alerts', { labels: { host: `copy-${n}` }, status: 'resolved', value: 1 });
  return took;
}

async function measure(
  title: string,
  program: BenchProgram,
  setting: Setting,
  clients: readonly Listener[],
): Promise<void> {
  const sent = new Map<string, number>();
  clients[0]?.note(sent);
  const eventsBefore = clients.reduce((sum, { events }) => sum + events, 0);
  const before = program.usage();
  const began = performance.now();
  const took = await load(program, setting, sent);
  const seconds = (performance.now() - began) / 1_000;
  const after = program.usage();
  await sleep(1_500);
  const { delays = [] } = clients[0] ?? {};
  const cores = (of: 'program' | 'postgres') =>
    ((after[of].cpuSeconds - before[of].cpuSeconds) / seconds).toFixed(3);
  const ms = (times: readonly number[]) =>
    `p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms`;
  const told = clients.reduce((sum, { events }) => sum + events, 0) - eventsBefore;
  printTable(`${title}; ${setting.rate} alerts/s that change a state`, [
    ['alert until it is answered', ms(took)],
    ['cores of the program', cores('program')],
    ['cores of PostgreSQL', cores('postgres')],
    ['memory of the program, MB', after.program.pssMb],
    ...(clients.length === 0
      ? []
      : ([
          ['alert until its state is told', ms(delays)],
          ['states told, over all clients', told],
        ] as const)),
  ]);
}

void main();
