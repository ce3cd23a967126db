import { LineLogger } from './logger';
import { logText } from './log-text';

const lineOf = (facts: object) =>
  logText(
    `${JSON.stringify({ level: 'info', time: '2026-11-30T12:04:35.529Z', pid: 7, hostname: 'a', roles: 'api', ...facts })}\n`,
  );
const AT = new Date('2026-11-30T12:04:35.529Z').toTimeString().slice(0, 8);

test('time, level, context and message stand in a line', () => {
  expect(lineOf({ context: 'Program', msg: 'ready' })).toBe(`${AT} info  Program: ready\n`);
});

test('other facts follow, what is the same in every line does not', () => {
  expect(lineOf({ context: 'Actions', msg: 'sent', execution: 'x', tries: 2 })).toBe(
    `${AT} info  Actions: sent execution="x" tries=2\n`,
  );
});

test('a stack follows on lines of its own', () => {
  expect(lineOf({ level: 'error', msg: 'no', stack: 'Error: no\n    at a' })).toMatch(
    / no\nError: no\n {4}at a\n$/,
  );
});

test.each([
  ['an escape that clears the screen', '\u001b[2J', '\\u001b[2J'],
  ['a carriage return', 'good\rbad', 'good\\u000dbad'],
  ['a line of its own', 'a\nb', 'a\\u000ab'],
  ['a bell', '\u0007', '\\u0007'],
  ['an escape of one byte', '\u009b31m', '\\u009b31m'],
  ['a text that turns round', '\u202egnp.exe', '\\u202egnp.exe'],
])('%s is shown, not obeyed', (_, text, shown) => {
  expect(lineOf({ context: text, msg: text, other: text })).not.toContain(text);
  expect(lineOf({ msg: text })).toContain(shown);
});

test('JSON says which process of which machine wrote it', () => {
  const written: string[] = [];
  const logger = new LineLogger(
    'info',
    'json',
    { roles: 'api' },
    { write: (line) => void written.push(line) },
  );
  logger.log('ready', 'Program');
  logger.debug('not at this level');
  expect(written.map((line) => JSON.parse(line))).toEqual([
    {
      level: 'info',
      time: expect.any(String),
      pid: process.pid,
      hostname: expect.any(String),
      roles: 'api',
      context: 'Program',
      msg: 'ready',
    },
  ]);
});

test('text is written for people', () => {
  const written: string[] = [];
  const logger = new LineLogger(
    'info',
    'text',
    { roles: 'api' },
    { write: (line) => void written.push(line) },
  );
  logger.warn({ count: 3 }, 'Program');
  expect(written).toEqual([expect.stringMatching(/^\d\d:\d\d:\d\d .*warn.* Program: count=3\n$/)]);
});
