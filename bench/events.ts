/**
 * What clients of `GET /events` cost the line: alerts that change the state of their services at a steady rate, without
 * clients and with them.
 *
 *     npm run bench events
 *     npm run bench events -- --clients 1000 --tokens 200 --rate 50 --seconds 20
 */
import { fork, type ChildProcess } from 'node:child_process';
import net from 'node:net';
import { parseArgs } from 'node:util';
import { ADMIN_TOKEN, BenchProgram, printTable, quantile, sleep } from './program';

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
  const count = Number(values.clients);
  const program = await BenchProgram.start();
  let crowd: Crowd | undefined;
  try {
    await prepare(program);
    const tokens = await tokensOf(program, Number(values.tokens));
    // V8 compiles meanwhile.
    await load(program, { ...setting, seconds: 10 });
    await measure('without clients', program, setting);
    crowd = await Crowd.open(program.url, tokens, count);
    await measure(`${count} clients, opened in ${crowd.seconds.toFixed(1)} s`, program, setting, crowd);
    crowd.close();
    crowd = undefined;
    await sleep(1_000);
    await measure('without clients, after they have left', program, setting);
  } finally {
    crowd?.close();
    await program.stop();
  }
}

/** Clients in a process of their own, as they would be, which count what they read. */
class Crowd {
  bytes = 0;
  seconds = 0;

  private constructor(private readonly child: ChildProcess) {
    child.on('message', ({ bytes }: { bytes: number }) => (this.bytes = bytes));
  }

  static async open(url: string, tokens: readonly string[], count: number): Promise<Crowd> {
    const began = performance.now();
    const crowd = new Crowd(fork(__filename, ['--listen']));
    crowd.child.send({ url, tokens, count });
    await new Promise((opened) => crowd.child.once('message', opened));
    crowd.seconds = (performance.now() - began) / 1_000;
    return crowd;
  }

  close(): void {
    this.child.kill();
  }
}

/** What the process of the clients does. */
function listen(): void {
  process.once('message', ({ url, tokens, count }: { url: string; tokens: string[]; count: number }) => {
    let [bytes, open] = [0, 0];
    for (let n = 0; n < count; n++) {
      const socket = streamOf(url, tokens[n % tokens.length]!);
      socket.on('data', (chunk) => (bytes += chunk.length));
      socket.once('data', () => ++open === count && process.send!({ bytes }));
    }
    setInterval(() => open === count && process.send!({ bytes }), 1_000);
  });
}

function streamOf(url: string, token: string): net.Socket {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  return socket;
}

/** Notes how long it takes until a client is told of a state; ends the stream with the function it returns. */
function noteDelays(url: string, sent: Map<string, number>): { delays: number[]; end(): void } {
  const delays: number[] = [];
  const socket = streamOf(url, ADMIN_TOKEN);
  socket.on('data', (chunk) => {
    for (const [, name, phase] of chunk.toString('latin1').matchAll(STATE)) {
      const at = sent.get(`${name} ${phase}`);
      if (at === undefined) continue;
      delays.push(performance.now() - at);
      sent.delete(`${name} ${phase}`);
    }
  });
  return { delays, end: () => socket.destroy() };
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

async function measure(title: string, program: BenchProgram, setting: Setting, crowd?: Crowd): Promise<void> {
  const sent = new Map<string, number>();
  const noted = crowd === undefined ? undefined : noteDelays(program.url, sent);
  const read = crowd?.bytes ?? 0;
  const before = program.usage();
  const began = performance.now();
  const took = await load(program, setting, sent);
  const seconds = (performance.now() - began) / 1_000;
  const after = program.usage();
  await sleep(2_000);
  noted?.end();
  const cores = (of: 'program' | 'postgres') =>
    ((after[of].cpuSeconds - before[of].cpuSeconds) / seconds).toFixed(3);
  const ms = (times: readonly number[]) =>
    `p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms`;
  printTable(`${title}; ${setting.rate} alerts/s that change a state`, [
    ['alert until it is answered', ms(took)],
    ['cores of the program', cores('program')],
    ['cores of PostgreSQL', cores('postgres')],
    ['memory of the program, MB', after.program.pssMb],
    ...(crowd === undefined || noted === undefined
      ? []
      : ([
          ['alert until its state is told', ms(noted.delays)],
          ['told to all clients, MB', ((crowd.bytes - read) / 1e6).toFixed(0)],
        ] as const)),
  ]);
}

if (process.argv.includes('--listen')) listen();
else void main();
