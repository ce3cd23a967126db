import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');

/** As a file of src: lines that end in `deaf` hold an emitter that nobody listens to. */
const TEXT = `
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { createReadStream } from 'node:fs';
import http, { createServer } from 'node:http';
import net from 'node:net';
import { pipeline } from 'node:stream/promises';
import tls from 'node:tls';
import { Worker } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';
import { Redis } from 'ioredis';
import { createTransport } from 'nodemailer';
import { Client, Pool } from 'pg';
import { heard } from './common/heard';

const ignore = () => undefined;
class Ours extends EventEmitter {}
class Listening extends EventEmitter {
  constructor() {
    super();
    this.on('error', ignore);
  }
}
export class Holder {
  private readonly heard = createSocket('udp4');
  private readonly unheard = createSocket('udp4'); // deaf
  private readonly pool: Pool;
  private later?: net.Socket;
  constructor() {
    this.heard.on('error', ignore);
    this.unheard.on('message', ignore);
    this.pool = new Pool(); // deaf
    this.pool.on('connect', ignore);
    this.later = net.connect(1);
    this.later?.on('error', ignore);
  }
}
export async function all(isTls: boolean) {
  new Worker('x'); // deaf
  new Ours(); // deaf
  new Listening();
  heard(new Ours());
  createServer().on('error', ignore).listen();
  createServer().listen(); // deaf
  createHash('sha256').update('x');
  const child = spawn('x'); // deaf
  child.once('error', ignore);
  const request = http.request('x'); // deaf
  request.on('response', (response) => response.on('error', ignore));
  const either = isTls ? tls.connect(1) : net.connect(1);
  either.on('error', ignore);
  await pipeline(createReadStream('x'), heard(createGunzip()));
  const client = await new Pool().on('error', ignore).connect(); // deaf
  client.release();
  await new Client().connect(); // deaf
  const transport = createTransport({}); // deaf
  transport.close();
  return new Redis(); // deaf
}
`;

test('an emitter whose errors nobody listens to is found, and no other', () => {
  let report: string;
  try {
    const args = ['--stdin', '--stdin-filename', 'src/main.ts', '--format', 'json'];
    report = execFileSync(join(ROOT, 'node_modules/.bin/eslint'), args, {
      cwd: ROOT,
      input: TEXT,
    }).toString();
  } catch (error) {
    report = (error as { stdout: Buffer }).stdout.toString();
  }
  const [{ messages }] = JSON.parse(report) as [{ messages: { ruleId: string; line: number }[] }];
  const found = messages
    .filter(({ ruleId }) => ruleId === 'monscale/listens-to-errors')
    .map(({ line }) => line);
  const deaf = TEXT.split('\n').flatMap((line, index) => (line.endsWith('// deaf') ? [index + 1] : []));
  expect(found).toEqual(deaf);
}, 120_000);
