import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { Output, type WriteNow } from './output';
import { telemetry } from './telemetry';

const dropped = async () => (await telemetry.logLinesDropped.get()).values[0]?.value ?? 0;
const output = (write: WriteNow) => new Output(() => write);

it('keeps the order of lines, and whole lines, however little is taken at a time', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 40 }).map((text) => text.replaceAll('\n', ' '))),
      fc.array(fc.nat(20)),
      (lines, room) => {
        let read = '';
        const out = output((bytes) => {
          const taken = Math.min(bytes.length, room.shift() ?? bytes.length);
          read += bytes.toString('latin1', 0, taken);
          return taken;
        });
        for (const line of lines) out.write(`${line}\n`);
        for (let turn = 0; turn < 200; turn++) out.flush();
        const expected = lines.map((line) => `${line}\n`).join('');
        expect(Buffer.from(read, 'latin1').toString()).toBe(expected);
      },
    ),
  );
});

it('drops and counts lines while nobody reads, holds a bounded number, and tells when somebody does', async () => {
  const before = await dropped();
  let isRead = false;
  let read = '';
  const out = output((bytes) => {
    if (!isRead) return 0;
    read += bytes.toString();
    return bytes.length;
  });
  const line = `${'x'.repeat(1023)}\n`;
  for (let count = 0; count < 2_000; count++) out.write(line);
  expect((await dropped()) - before).toBe(2_000 - 1_024);
  isRead = true;
  out.write('next\n');
  expect(read.replaceAll(line, '')).toMatch(/^\{"level":"warn".*976 lines were dropped.*\}\nnext\n$/);
  expect(read.split(line)).toHaveLength(1_025);
});

it('tells how many lines were dropped, once the reader is back', async () => {
  const before = await dropped();
  let isGone = true;
  let read = '';
  const out = output((bytes) => {
    if (isGone) throw Object.assign(new Error('broken pipe'), { code: 'EPIPE' });
    read += bytes.toString();
    return bytes.length;
  });
  out.write('a\n');
  out.write('b\n');
  isGone = false;
  out.write('c\n');
  out.write('d\n');
  expect(read).toMatch(/^c\n\{"level":"warn".*2 lines were dropped.*\}\nd\n$/);
  expect((await dropped()) - before).toBe(2);
});

/** Writes 4 MB in lines to its own output, then says on its error how that went. */
const PROGRAM = `
  const swc = require(process.argv[2]);
  const options = { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'commonjs' } };
  require.extensions['.ts'] = (module, file) => module._compile(swc.transformFileSync(file, options).code, file);
  const { standardOutput } = require(process.argv[1]);
  const begin = performance.now();
  for (let count = 0; count < 4096; count++) standardOutput.write('y'.repeat(1023) + '\\n');
  setTimeout(() => {
    process.stderr.write('wrote in ' + Math.round(performance.now() - begin) + ' ms');
    process.exit(0);
  }, 300);
`;

describe('a process whose output is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'output-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const command = [
    process.execPath,
    '-e',
    PROGRAM,
    join(__dirname, 'output.ts'),
    require.resolve('@swc/core'),
  ];

  async function end(stdout: number | 'pipe', prefix: string[] = []): Promise<string> {
    const [first, ...rest] = [...prefix, ...command];
    const child = spawn(first!, rest, { stdio: ['ignore', stdout, 'pipe'] });
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => (said += String(chunk)));
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(late);
    return `${code} ${said}`;
  }

  it('a pipe that nobody reads goes on', async () => {
    // Not read, as a stopped reader does.
    expect(await end('pipe')).toMatch(/^0 wrote in/);
  });

  it('a pipe whose reader went away goes on', async () => {
    const file = join(folder, 'fifo');
    execFileSync('mkfifo', [file]);
    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(file, constants.O_WRONLY);
    closeSync(reader);
    expect(await end(writer)).toMatch(/^0 wrote in/);
    closeSync(writer);
  });

  it('a full device goes on', async () => {
    expect(await end(openSync('/dev/full', 'w'))).toMatch(/^0 wrote in/);
  });

  it('a file has every line', async () => {
    const file = join(folder, 'log');
    expect(await end(openSync(file, 'w'))).toMatch(/^0 wrote in/);
    expect(readFileSync(file).length).toBe(4 << 20);
  });

  it('read slowly has every line that is not counted as dropped, whole', async () => {
    const file = join(folder, 'slow');
    execFileSync('mkfifo', [file]);
    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(file, constants.O_WRONLY);
    const ending = end(writer);
    const chunk = Buffer.alloc(1 << 16);
    let read = '';
    const take = () => {
      try {
        read += chunk.toString('latin1', 0, readSync(reader, chunk));
      } catch {
        // Nothing there yet.
      }
    };
    const timer = setInterval(take, 5);
    expect(await ending).toMatch(/^0 wrote in/);
    clearInterval(timer);
    for (let turn = 0; turn < 100; turn++) take();
    // What was dropped is told in a line of its own.
    const lines = read
      .split('\n')
      .slice(0, -1)
      .filter((line) => !/"msg":"\d+ lines were dropped/.test(line));
    expect(lines.length).toBeGreaterThan(500);
    expect(lines.filter((line) => line !== 'y'.repeat(1023))).toEqual([]);
  });

  it('a terminal that is held up goes on', async () => {
    // The other end of the terminal is never read: as after Ctrl+S.
    const script = `
import os, pty, sys
said = os.dup(2)
os.set_inheritable(said, True)
pid, fd = pty.fork()
if pid == 0:
    os.dup2(said, 2)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
`;
    expect(await end('pipe', ['python3', '-c', script])).toMatch(/^0 wrote in/);
  });
});
