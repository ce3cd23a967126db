import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { needsRight } from '../../test/needs';
import { lockFolder } from './folder-lock';
import { NEVER } from './server-process';

/** Locks the folder, says "locked" or why not, and stays. */
const HOLDER = `
  const swc = require(process.argv[3]);
  const options = { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'commonjs' } };
  require.extensions['.ts'] = (module, file) => module._compile(swc.transformFileSync(file, options).code, file);
  const { lockFolder } = require(process.argv[1]);
  lockFolder(process.argv[2], new AbortController().signal, 3000).then(
    () => { console.log('locked'); setInterval(() => undefined, 1e6); },
    (error) => console.log(error.message),
  );
`;

/** Shares neither names of sockets nor, as a container does not, numbers of processes. */
const APART = ['unshare', '--net', '--pid', '--fork', '--mount-proc', '--kill-child'];
const canBeApart = needsRight(
  'make namespaces',
  spawnSync(APART[0]!, [...APART.slice(1), 'true']).status === 0,
);

describe("a folder's lock", () => {
  let folder: string;
  const holders: ChildProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lock-'));
  });

  afterEach(async () => {
    for (const one of holders.splice(0)) {
      one.kill('SIGKILL');
      if (one.exitCode === null && one.signalCode === null) await once(one, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });

  const file = () => join(folder, 'program.pid');
  const lines = () => readFileSync(file(), 'utf8').split('\n');
  const lock = (path = folder) => lockFolder(path, NEVER, 600);
  /** As another program left it. */
  async function left(change: (lines: string[]) => void): Promise<void> {
    (await lock())();
    const unlock = await lock();
    const kept = lines();
    unlock();
    change(kept);
    writeFileSync(file(), kept.join('\n'));
  }

  async function holder(
    path: string,
    prefix: string[] = [],
  ): Promise<{ said: string; program: ChildProcess }> {
    const module = join(__dirname, 'folder-lock.ts');
    const all = [...prefix, process.execPath, '-e', HOLDER, module, path, require.resolve('@swc/core')];
    const program = spawn(all[0]!, all.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
    holders.push(program);
    const [chunk] = await once(program.stdout, 'data');
    return { said: String(chunk).trim(), program };
  }

  it('is held once, by whatever name the folder goes, and free afterwards', async () => {
    const unlock = await lock();
    symlinkSync(folder, `${folder}-link`);
    await expect(lock(`${folder}-link`)).rejects.toThrow(`another program (process ${process.pid}) runs on`);
    rmSync(`${folder}-link`);
    unlock();
    expect(existsSync(file())).toBe(false);
    (await lock())();
  });

  it('is free when its holder was killed, and when its number is another process by now', async () => {
    const { said, program } = await holder(folder);
    expect(said).toBe('locked');
    await expect(lock()).rejects.toThrow(`(process ${program.pid})`);
    program.kill('SIGKILL');
    await once(program, 'exit');
    (await lock())();
    await left((kept) => (kept[2] = '1'));
    (await lock())();
  });

  it('of a folder that was copied is not the lock of the copy', async () => {
    const unlock = await lock();
    const copy = `${folder}-copy`;
    cpSync(folder, copy, { recursive: true });
    (await lock(copy))();
    rmSync(copy, { recursive: true });
    await expect(lock()).rejects.toThrow('another program');
    unlock();
  });

  it('of a holder elsewhere holds while that gives signs of life, and no longer', async () => {
    const elsewhere = (kept: string[]) => {
      kept[1] = 'another-boot pid:[1]';
      kept[4] = 'another-host';
    };
    await left(elsewhere);
    let beat = 0;
    const beats = setInterval(() => {
      const kept = lines();
      kept[5] = String(++beat).padStart(12, '0');
      writeFileSync(file(), kept.join('\n'));
    }, 100);
    await expect(lock()).rejects.toThrow(`(process ${process.pid} on another-host)`);
    clearInterval(beats);
    (await lock())();
  });

  (canBeApart ? it : it.skip)(
    'holds between containers that share the folder alone, until one of them is killed',
    async () => {
      const first = await holder(folder, APART);
      expect(first.said).toBe('locked');
      expect((await holder(folder, APART)).said).toContain('another program');
      expect((await holder(folder)).said).toContain('another program');
      first.program.kill('SIGKILL');
      await once(first.program, 'exit');
      expect((await holder(folder, APART)).said).toBe('locked');
    },
    30_000,
  );

  it('is not misled by whatever stands in its file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.constant(String(process.pid)))), async (text) => {
        writeFileSync(file(), text.join('\n'));
        (await lock())();
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});
