import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '..');
const BUILT = join(ROOT, 'dist', 'src');

/** Returns the stack of the error that some code throws, run with what is built, in a process of its own. */
const stackOf = (code: string): string =>
  execFileSync(
    process.execPath,
    [
      '-e',
      `require('./common/source-maps').nameSources();
       try { ${code} } catch (error) { process.stdout.write(error.stack) }`,
    ],
    { cwd: BUILT, encoding: 'utf8', env: { PATH: process.env.PATH } },
  );

test('a stack names the place in the sources at which something was thrown', () => {
  const [head, first] = stackOf("require('./engine/condition').compileCondition('cpu >', ['cpu'])").split(
    '\n',
  );
  expect(head).toMatch(/^Error: does not parse/);
  const [, file, line] = /^ {4}at parse \((.+):(\d+):\d+\)$/.exec(first!)!;
  expect(file).toBe(join(ROOT, 'src/engine/condition.ts'));
  expect(readFileSync(file!, 'utf8').split('\n')[Number(line) - 1]).toContain('throw new ConditionError');
});

test('places in packages and in Node are named as they are', () => {
  const stack = stackOf("require('pg').Client.prototype.query.call({})");
  expect(stack).toMatch(/\n {4}at .*node_modules\/pg\/lib\/client\.js:\d+:\d+\)/);
  expect(stackOf('JSON.parse("{")')).toMatch(/^SyntaxError: .*\n {4}at JSON\.parse \(<anonymous>\)\n/);
});

test('what has no text of its own has a stack', () => {
  const stack = stackOf('throw Object.assign(new Error(), { toString() { throw 1 } })');
  expect(stack).toMatch(/^Error\n {4}at /);
});
