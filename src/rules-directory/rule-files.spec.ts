import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FILE_BYTES_AT_MOST, FILES_AT_MOST, readRuleFiles } from './rule-files';

let outer: string;
let folder: string;

beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), 'rules-'));
  folder = join(outer, 'rules');
  mkdirSync(folder);
});
afterEach(() => rmSync(outer, { recursive: true }));

const write = (path: string, text: string | Buffer = 'monscale: 1\n') =>
  writeFileSync(join(folder, path), text);
const paths = async () => (await readRuleFiles(folder)).files.map(({ path }) => path);
const mistakes = async () =>
  (await readRuleFiles(folder)).mistakes.map(({ file = '', detail }) => `${file}: ${detail}`);

test('rules are YAML and JSON, also in folders below; hidden files, tests and others are none', async () => {
  mkdirSync(join(folder, 'web'));
  mkdirSync(join(folder, '.git'));
  for (const path of [
    'b.yaml',
    'a.yml',
    'c.json',
    'web/d.yaml',
    '.git/e.yaml',
    '.f.yaml',
    'g.test.yaml',
    'README.md',
  ])
    write(path);
  expect(await paths()).toEqual(['a.yml', 'b.yaml', 'c.json', 'web/d.yaml']);
  expect(await mistakes()).toEqual([]);
});

test('equal folders have equal hashes, and any change another', async () => {
  write('a.yaml', 'one');
  const { hash } = await readRuleFiles(folder);
  expect((await readRuleFiles(folder)).hash).toBe(hash);
  write('a.yaml', 'two');
  expect((await readRuleFiles(folder)).hash).not.toBe(hash);
  renameSync(join(folder, 'a.yaml'), join(folder, 'b.yaml'));
  write('b.yaml', 'one');
  expect((await readRuleFiles(folder)).hash).not.toBe(hash);
});

test('a ConfigMap is read through its links, before and after it is swapped', async () => {
  for (const [version, text] of [
    ['1', 'old'],
    ['2', 'new'],
  ] as const) {
    mkdirSync(join(folder, `..${version}`));
    write(`..${version}/rules.yaml`, text);
  }
  symlinkSync('..1', join(folder, '..data'));
  symlinkSync('..data/rules.yaml', join(folder, 'rules.yaml'));
  expect((await readRuleFiles(folder)).files).toEqual([{ path: 'rules.yaml', text: 'old' }]);
  symlinkSync('..2', join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  expect((await readRuleFiles(folder)).files).toEqual([{ path: 'rules.yaml', text: 'new' }]);
});

test('the folder itself may be a link, as git-sync makes it', async () => {
  write('a.yaml');
  symlinkSync('rules', join(outer, 'current'));
  expect((await readRuleFiles(join(outer, 'current'))).files).toHaveLength(1);
});

test('what leads out, is a circle, or leads nowhere is a mistake', async () => {
  writeFileSync(join(outer, 'secret.yaml'), 'hush');
  mkdirSync(join(outer, 'other'));
  symlinkSync('../secret.yaml', join(folder, 'a.yaml'));
  symlinkSync('../other', join(folder, 'b'));
  symlinkSync('.', join(folder, 'c'));
  symlinkSync('nowhere', join(folder, 'd.yaml'));
  const found = await mistakes();
  expect(found.map((one) => one.split(':')[0])).toEqual(['b', 'c', 'a.yaml', 'd.yaml']);
  expect(found.slice(0, 3).join()).toMatch(/^(?:.*leads out of the folder.*){3}$/);
  expect(await paths()).toEqual([]);
});

test('a pipe is a mistake, and nobody waits for it', async () => {
  execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
  expect(await mistakes()).toEqual(['pipe.yaml: is no regular file']);
});

test('files that are too large, too many, or no text are mistakes', async () => {
  write('large.yaml', '');
  truncateSync(join(folder, 'large.yaml'), FILE_BYTES_AT_MOST + 1);
  write('binary.yaml', Buffer.from([0xff, 0xfe, 0x00]));
  expect(await mistakes()).toEqual(['binary.yaml: is no text in UTF-8', 'large.yaml: is larger than 1 MB']);
  for (let index = 0; index < FILES_AT_MOST; index++) write(`${index}.yaml`, '');
  expect(await mistakes()).toEqual([expect.stringContaining('more than 1000 files')]);
  expect(await paths()).toEqual([]);
});

test('all files together have a limit', async () => {
  for (let index = 0; index < 17; index++) write(`${index}.yaml`, Buffer.alloc(FILE_BYTES_AT_MOST, 0x20));
  expect(await mistakes()).toEqual([expect.stringContaining('more than 16 MB together')]);
});

test('a folder that has vanished is a mistake, not an empty one', async () => {
  rmSync(folder, { recursive: true });
  expect(await mistakes()).toEqual([
    expect.stringMatching(/^: the folder can't be read: .*there is no file/),
  ]);
  mkdirSync(folder);
  expect(await mistakes()).toEqual([]);
});
