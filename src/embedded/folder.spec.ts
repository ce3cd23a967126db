import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateFolder } from './folder';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'folder-'))));
afterEach(() => rmSync(folder, { recursive: true }));

test('a data folder is made with those it is in, for its owner alone, once or again', () => {
  const path = join(folder, 'a', 'b');
  expect(privateFolder(path)).toBe(path);
  expect(privateFolder(path)).toBe(path);
  expect([path, join(folder, 'a')].map((one) => statSync(one).mode & 0o777)).toEqual([0o700, 0o700]);
});

test.each([
  ['below a file', (path: string) => writeFileSync(path, ''), 'ENOTDIR'],
  ['below a link that leads nowhere', (path: string) => symlinkSync('/nowhere/at/all', path), 'ENOENT'],
])('what can not be made is refused: %s', (_, put, code) => {
  const path = join(folder, 'one');
  put(path);
  expect(() => privateFolder(join(path, 'b'))).toThrow(code);
});

// Node itself never returns there: so it is tried in a process that can be ended.
test('what can not be made is refused, also where Node tries for ever', () => {
  const source = `require('@swc-node/register'); require(${JSON.stringify(join(__dirname, 'folder'))}).privateFolder('/proc/none')`;
  const run = () => execFileSync(process.execPath, ['-e', source], { timeout: 30_000, stdio: 'pipe' });
  expect(run).toThrow(/ENOENT/);
});
