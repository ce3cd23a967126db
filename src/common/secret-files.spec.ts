import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretFiles } from './secret-files';

const top = realpathSync(mkdtempSync(join(tmpdir(), 'monscale-secret-files-')));
const folder = join(top, 'secrets');
const inside = (name: string) => join(folder, name);

beforeAll(() => {
  mkdirSync(folder);
  writeFileSync(join(top, 'admin-token'), 'nobody may read this');
});

afterAll(() => rmSync(top, { recursive: true }));

/** As each use sees it: looked at, then told. */
async function told(path: string, files = new SecretFiles([folder])) {
  await files.look([path]);
  try {
    return { text: files.text(path), problem: files.problem(path) };
  } catch (error) {
    return { error: (error as Error).message, problem: files.problem(path) };
  }
}

test.each([
  ['plain', 'hush', 'hush'],
  ['one line', 'hush\n', 'hush'],
  ['one line of Windows', 'hush\r\n', 'hush'],
  ['two ends', 'hush\n\n', 'hush\n'],
  ['several lines', '-----BEGIN\nx\n-----END\n', '-----BEGIN\nx\n-----END'],
  ['umlauts', 'gehüm', 'gehüm'],
  ['nothing', '', ''],
  ['64 kB', 'x'.repeat(65_536), 'x'.repeat(65_536)],
])('a file of %s is told', async (name, content, text) => {
  writeFileSync(inside(name), content);
  expect(await told(inside(name))).toEqual({ text, problem: undefined });
});

test('links are followed as long as they stay, as Kubernetes makes them', async () => {
  mkdirSync(inside('..2026'));
  writeFileSync(inside('..2026/token'), 'one');
  symlinkSync('..2026', inside('..data'));
  symlinkSync('..data/token', inside('token'));
  expect(await told(inside('token'))).toMatchObject({ text: 'one' });
  symlinkSync(folder, join(top, 'link'));
  expect(await told(join(top, 'link/token'), new SecretFiles([join(top, 'link')]))).toMatchObject({
    text: 'one',
  });
});

describe('refused, at save and at use, is', () => {
  const socket = createServer();

  beforeAll(async () => {
    symlinkSync(join(top, 'admin-token'), inside('link-out'));
    symlinkSync('../admin-token', inside('relative-link-out'));
    symlinkSync('/proc/self/environ', inside('proc'));
    symlinkSync('/dev/zero', inside('zero'));
    symlinkSync('/nowhere/at-all', inside('dangling'));
    symlinkSync('round', inside('round'));
    symlinkSync(top, inside('up'));
    execFileSync('mkfifo', [inside('fifo')]);
    mkdirSync(inside('folder'));
    writeFileSync(inside('long'), 'x'.repeat(65_537));
    writeFileSync(inside('binary'), 'a\0b');
    writeFileSync(inside('latin'), Buffer.from([0x66, 0xfc, 0x72]));
    await new Promise<void>((resolve) => socket.listen(inside('socket'), resolve));
  });

  afterAll(() => socket.close());

  test.each([
    [join(top, 'admin-token'), 'does not lie below'],
    ['/etc/passwd', 'does not lie below'],
    ['/proc/self/environ', 'does not lie below'],
    ['/dev/zero', 'does not lie below'],
    [`${folder}/../admin-token`, 'does not lie below'],
    [`${folder}-2/x`, 'does not lie below'],
    [folder, 'does not lie below'],
    [`${folder}/`, 'does not lie below'],
    ['relative', 'does not lie below'],
    [inside('a\0b'), 'does not lie below'],
    [inside('link-out'), 'a link to another place'],
    [inside('relative-link-out'), 'a link to another place'],
    [inside('up/admin-token'), 'a link to another place'],
    [inside('up/secrets/../admin-token'), 'a link to another place'],
    [inside('proc'), 'a link to another place'],
    [inside('zero'), 'a link to another place'],
    [inside('dangling'), 'a link that leads nowhere'],
    [inside('round'), 'its links lead in a circle'],
    [inside('fifo'), 'a named pipe, no regular file'],
    [inside('socket'), 'a socket, no regular file'],
    [inside('folder'), 'a folder, no regular file'],
    [inside('long'), 'more than 64 kB'],
    [inside('binary'), 'no text'],
    [inside('latin'), 'no text in UTF-8'],
  ])('%s', async (path, why) => {
    const began = performance.now();
    const { error, problem } = await told(path);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(error).toContain(why);
    expect(problem).toContain(why);
    expect(`${error}${problem}`).not.toContain('nobody may read this');
  });
});

test('what is not there may come later: no mistake at save, none to be had at use', async () => {
  expect(await told(inside('later'))).toEqual({
    error: `there is no file ${inside('later')}`,
    problem: undefined,
  });
  const nowhere = new SecretFiles([join(top, 'no-such-folder')]);
  expect(await told(join(top, 'no-such-folder/x'), nowhere)).toMatchObject({ problem: undefined });
});

test('nothing lies below no folder', async () => {
  expect(await told('/etc/passwd', new SecretFiles([]))).toMatchObject({
    error: expect.stringContaining('no folder is open to definitions'),
  });
});

test('a file that is swapped for a link tells nothing of where it leads', async () => {
  const path = inside('swapped');
  let isOver = false;
  const swap = (async () => {
    for (let round = 0; !isOver; round++) {
      if (round % 2 === 0) writeFileSync(`${path}.new`, 'fine');
      else symlinkSync(join(top, 'admin-token'), `${path}.new`);
      renameSync(`${path}.new`, path);
      await new Promise(setImmediate);
    }
  })();
  for (let round = 0; round < 300; round++) {
    const seen = await told(path);
    if ('text' in seen) expect(seen.text).toBe('fine');
    else expect(seen.error).not.toContain('nobody may read this');
  }
  isOver = true;
  await swap;
});

test('a folder on the way that is swapped for a link tells nothing of where it leads', async () => {
  const path = inside('way');
  const elsewhere = join(top, 'elsewhere');
  mkdirSync(elsewhere);
  mkdirSync(inside('real-way'));
  writeFileSync(join(elsewhere, 'key'), 'nobody may read this');
  writeFileSync(inside('real-way/key'), 'fine');
  let isOver = false;
  const swap = (async () => {
    for (let round = 0; !isOver; round++) {
      symlinkSync(round % 2 === 0 ? inside('real-way') : elsewhere, `${path}.new`);
      renameSync(`${path}.new`, path);
      await new Promise(setImmediate);
    }
  })();
  for (let round = 0; round < 300; round++) {
    const seen = await told(`${path}/key`);
    if ('text' in seen) expect(seen.text).toBe('fine');
  }
  isOver = true;
  await swap;
});

test('a file that grows is read to its bound', async () => {
  const path = inside('growing');
  writeFileSync(path, 'x');
  let isOver = false;
  const grow = (async () => {
    while (!isOver) {
      appendFileSync(path, 'x'.repeat(10_000));
      await new Promise(setImmediate);
    }
  })();
  for (let round = 0; round < 50; round++) {
    const seen = await told(path);
    if ('text' in seen) expect(seen.text!.length).toBeLessThanOrEqual(65_536);
  }
  isOver = true;
  await grow;
  expect(await told(path)).toMatchObject({ error: expect.stringContaining('more than 64 kB') });
});

test("a platform's own secrets are open only to who lists their folder", async () => {
  const account = '/run/secrets/kubernetes.io/serviceaccount/token';
  expect((await told(account, new SecretFiles(['/run/secrets']))).error).toContain('does not lie below');
  expect((await told(account, new SecretFiles(['/']))).error).toContain('does not lie below');
  const listed = new SecretFiles(['/run/secrets', '/run/secrets/kubernetes.io/serviceaccount']);
  expect((await told(account, listed)).error).toContain('there is no file');
});

test('a rotated file counts within a second, and many askers look once', async () => {
  const path = inside('rotated');
  writeFileSync(path, 'one');
  const files = new SecretFiles([folder]);
  const looks = Array.from({ length: 100 }, async () => files.look([path]));
  await Promise.all(looks);
  expect(files.look([path])).toBeUndefined();
  expect(files.text(path)).toBe('one');
  writeFileSync(`${path}.new`, 'two');
  renameSync(`${path}.new`, path);
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  expect(await told(path, files)).toMatchObject({ text: 'two' });
  linkSync(path, inside('second-name'));
  expect(await told(inside('second-name'), files)).toMatchObject({ text: 'two' });
});

test('who does not look first is told so, not an old text', () => {
  writeFileSync(inside('unseen'), 'x');
  expect(() => new SecretFiles([folder]).text(inside('unseen'))).toThrow('has not been looked at');
});
