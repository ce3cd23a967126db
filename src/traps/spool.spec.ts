import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Spool } from './spool';

describe('the spool', () => {
  let folder: string;
  let spools: Spool[];

  beforeEach(() => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'spool-'));
    spools = [];
  });
  afterEach(async () => {
    for (const spool of spools) await spool.close();
    rmSync(folder, { recursive: true });
  });

  async function opened(maxBytes = 1_000, maxLines = 3): Promise<Spool> {
    const spool = new Spool(folder, maxBytes, maxLines);
    spools.push(spool);
    await spool.open();
    return spool;
  }

  async function emptied(spool: Spool): Promise<string[]> {
    const all: string[] = [];
    for (let lines = await spool.first(); lines !== undefined; lines = await spool.first()) {
      all.push(...lines);
      await spool.removeFirst();
    }
    return all;
  }

  it('gives back lines in their order, and leaves nothing behind', async () => {
    const spool = await opened();
    expect(await spool.append(['a', 'b'])).toBe(2);
    expect(await spool.append(['c', 'd', 'e'])).toBe(3);
    expect(await emptied(spool)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect([spool.isEmpty, spool.bytes, readdirSync(folder)]).toEqual([true, 0, []]);
  });

  it('goes on in a new file while the oldest is read', async () => {
    const spool = await opened();
    await spool.append(['a']);
    expect(await spool.first()).toEqual(['a']);
    await spool.append(['b']);
    await spool.removeFirst();
    expect(await emptied(spool)).toEqual(['b']);
  });

  it('goes on where an earlier process ended, also within a line', async () => {
    const killed = await opened();
    await killed.append(['a', 'b']);
    const [file] = readdirSync(folder);
    appendFileSync(join(folder, file!), 'cut o');
    const spool = await opened();
    await spool.append(['c']);
    expect(await emptied(spool)).toEqual(['a', 'b', 'c']);
  });

  it('takes no more than it may', async () => {
    const spool = await opened(10);
    expect(await spool.append(['1234', '5678', '9'])).toBe(2);
    expect(await spool.append(['x'])).toBe(0);
    expect(await emptied(spool)).toEqual(['1234', '5678']);
    expect(await spool.append(['x'])).toBe(1);
  });

  it('says so when the folder can not be used', async () => {
    await expect(new Spool('/dev/null/spool', 10, 10).open()).rejects.toThrow();
  });
});
