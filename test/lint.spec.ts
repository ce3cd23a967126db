import { execFile } from 'node:child_process';
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

/** As a controller: lines that end in `refused` import the database. */
const CONTROLLER = `
import { Client } from 'pg'; // refused
import type { PoolClient } from 'pg'; // refused
import { from } from 'pg-copy-streams'; // refused
import { DataSource, type EntityManager } from 'typeorm'; // refused
import { Database } from '../database/database'; // refused
import type { Sql } from '../database/sql-pool'; // refused
import { ServiceRow } from '../database/entities'; // refused
import type { InfrastructureRow } from '../database/entities';
import { pageOf } from '../database/definitions';
import { Services } from './services';
export { Client, PoolClient, from, DataSource, EntityManager, Database, Sql, ServiceRow, InfrastructureRow, pageOf, Services };
`;

interface Message {
  ruleId: string;
  line: number;
}

/** Lines that a rule reports in a text, as if it were that file. */
async function reported(rule: string, file: string, text: string): Promise<number[]> {
  const args = ['--stdin', '--stdin-filename', file, '--format', 'json'];
  const report = await new Promise<string>((resolve) => {
    // It ends with 1 where it reports something.
    const eslint = execFile(join(ROOT, 'node_modules/.bin/eslint'), args, { cwd: ROOT }, (_, stdout) =>
      resolve(stdout),
    );
    eslint.stdin!.end(text);
  });
  const [{ messages }] = JSON.parse(report) as [{ messages: Message[] }];
  return messages.filter(({ ruleId }) => ruleId === rule).map(({ line }) => line);
}

const marked = (text: string, mark: string): number[] =>
  text.split('\n').flatMap((line, index) => (line.endsWith(`// ${mark}`) ? [index + 1] : []));

test.concurrent.each([
  [
    'an emitter whose errors nobody listens to is found, and no other',
    'monscale/listens-to-errors',
    'src/main.ts',
    TEXT,
    'deaf',
  ],
  [
    'a controller may not import the database, and may import what is none',
    '@typescript-eslint/no-restricted-imports',
    'src/services/services.controller.ts',
    CONTROLLER,
    'refused',
  ],
])(
  '%s',
  async (_, rule, file, text, mark) => {
    expect(await reported(rule, file, text)).toEqual(marked(text, mark));
  },
  120_000,
);
