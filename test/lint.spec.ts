import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

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

interface Linted {
  rule: string;
  /** File that the text is taken for. */
  file: string;
  text: string;
  /** Comment at the end of the lines that the rule shall report. */
  mark: string;
}

const CASES: Record<string, Linted> = {
  'an emitter whose errors nobody listens to is found, and no other': {
    rule: 'monscale/listens-to-errors',
    file: 'src/main.ts',
    text: TEXT,
    mark: 'deaf',
  },
  'a controller may not import the database, and may import what is none': {
    rule: '@typescript-eslint/no-restricted-imports',
    file: 'src/services/services.controller.ts',
    text: CONTROLLER,
    mark: 'refused',
  },
};

/** ESLint is an ES module, and knows all types: one process, which is told the texts and answers what it finds in each. */
const LINT = `
  import { ESLint } from 'eslint';
  import { json } from 'node:stream/consumers';
  const eslint = new ESLint();
  const found = [];
  for (const { text, file } of await json(process.stdin)) {
    const [{ messages }] = await eslint.lintText(text, { filePath: file });
    found.push(messages);
  }
  console.log(JSON.stringify(found));
`;

async function messagesOf(linted: readonly Linted[]): Promise<Message[][]> {
  const running = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', LINT], {
    cwd: ROOT,
  });
  running.child.stdin!.end(JSON.stringify(linted));
  return JSON.parse((await running).stdout) as Message[][];
}

const marked = (text: string, mark: string): number[] =>
  text.split('\n').flatMap((line, index) => (line.endsWith(`// ${mark}`) ? [index + 1] : []));

describe('ESLint', () => {
  let messages: Message[][];
  beforeAll(async () => {
    messages = await messagesOf(Object.values(CASES));
  }, 120_000);

  test.each(Object.keys(CASES).map((name, index) => [name, index] as const))('%s', (name, index) => {
    const { rule, text, mark } = CASES[name]!;
    const lines = messages[index]!.filter(({ ruleId }) => ruleId === rule).map(({ line }) => line);
    expect(lines).toEqual(marked(text, mark));
  });
});

/** What `npm test` knows of files that were right: in a folder of few, each of which it has seen. */
describe('what was found right', () => {
  const folder = mkdtempSync(join(tmpdir(), 'seen-'));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  beforeAll(() => {
    mkdirSync(join(folder, 'src'));
    for (const name of ['package-lock.json', 'tsconfig.json', 'eslint.config.mjs']) write(name, '');
    write('src/a.ts', `import { b } from './b';\nexport const a: number = b;`);
    write('src/b.ts', `import { c } from './c';\nexport const b = c;`);
    write('src/c.ts', 'export const c = 1;');
    write('src/apart.ts', 'export const apart = 1;');
    write('src/for-all.ts', 'declare global {\n  var known: number;\n}\nexport {};');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Files that are not known to be right, all of which are taken to be right from then on; none, where nothing has changed. */
  async function unknown(): Promise<string[]> {
    const source = `
      import ts from 'typescript';
      import { Seen } from './scripts/lint/seen.mjs';
      process.chdir(${JSON.stringify(folder)});
      const seen = new Seen(['src']);
      const options = { noLib: true, types: [], module: ts.ModuleKind.CommonJS };
      const names = ['a', 'b', 'c', 'apart', 'for-all'].map((name) => 'src/' + name + '.ts');
      const program = ts.createProgram(names, options, ts.createIncrementalCompilerHost(options));
      const keys = [...seen.keysIn(program, 'tsconfig.json')];
      const unknown = keys.filter(([, key]) => !seen.right.has(key)).map(([file]) => file);
      if (seen.areAllRight !== (unknown.length === 0)) throw new Error('it is not of one mind');
      seen.keep(keys.map(([, key]) => key), true);
      console.log(JSON.stringify(unknown.sort()));
    `;
    const running = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source], {
      cwd: ROOT,
    });
    return JSON.parse((await running).stdout) as string[];
  }

  test('is looked at again when it, or what it depends on through others, has changed', async () => {
    const all = ['src/a.ts', 'src/apart.ts', 'src/b.ts', 'src/c.ts', 'src/for-all.ts'];
    expect(await unknown()).toEqual(all);
    expect(await unknown()).toEqual([]);
    write('src/c.ts', `export const c = 'one';`);
    // What declares something for all is taken to depend on all.
    expect(await unknown()).toEqual(all.filter((file) => file !== 'src/apart.ts'));
    write('src/for-all.ts', 'declare global {\n  var known: string;\n}\nexport {};');
    expect(await unknown()).toEqual(all);
    write('eslint.config.mjs', 'export default [];');
    expect(await unknown()).toEqual(all);
  }, 60_000);
});
