import { scryptSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { TooManyRequests, Unavailable } from '../common/errors';
import { stopThreads } from '../common/thread-pool';
import { WAITING_AT_MOST } from './hash-lanes';
import { hashPassword, isOutdated, verifyPassword } from './passwords';

afterAll(stopThreads);

/** A hash as another program, or this one with other parameters, would have stored it. */
function stored(text: string, { ln = 4, r = 8, p = 1, bytes = 32 } = {}): string {
  const salt = Buffer.from('0123456789abcdef');
  const hash = scryptSync(text, salt, bytes, { N: 2 ** ln, r, p });
  const plain = (buffer: Buffer) => buffer.toString('base64').replace(/=+$/, '');
  return `$scrypt$ln=${ln},r=${r},p=${p}$${plain(salt)}$${plain(hash)}`;
}

test('a password is right, and no other is', async () => {
  const hash = await hashPassword('correct horse battery');
  expect(hash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  await expect(verifyPassword('correct horse battery', hash)).resolves.toBe(true);
  await expect(verifyPassword('correct horse batterY', hash)).resolves.toBe(false);
  await expect(verifyPassword('', hash)).resolves.toBe(false);
  expect(isOutdated(hash)).toBe(false);
});

test('the same password is hashed differently each time', async () => {
  expect(await hashPassword('correct horse battery')).not.toBe(await hashPassword('correct horse battery'));
});

test('hashes with other parameters are known, and told to be outdated', async () => {
  for (const way of [{}, { ln: 10 }, { r: 4 }, { p: 2 }, { ln: 14 }, { bytes: 64 }]) {
    await expect(verifyPassword('old one', stored('old one', way))).resolves.toBe(true);
    await expect(verifyPassword('new one', stored('old one', way))).resolves.toBe(false);
    expect(isOutdated(stored('old one', way))).toBe(true);
  }
});

test('characters are the same however a keyboard composes them', async () => {
  await expect(verifyPassword('cafe\u0301 ﬁn', stored('café fin'))).resolves.toBe(true);
});

test('where there is no hash, or none that can be read, nothing is right', async () => {
  const zeros = `$scrypt$ln=4,r=8,p=1$${'A'.repeat(22)}$`;
  const nonsense = [undefined, 'plain', '$2b$12$abcdefghijklmnopqrstuv', `${zeros}AAAA`];
  const costly = ['ln=30,r=8,p=3', 'ln=15,r=8,p=99', 'ln=15,r=0,p=1'].map((params) =>
    stored('x').replace(/ln=[^$]+/, params),
  );
  for (const one of [...nonsense, ...costly]) {
    await expect(verifyPassword('x', one)).resolves.toBe(false);
    expect(one === undefined || isOutdated(one)).toBe(true);
  }
});

test('whatever is stored, a check ends', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (text, after) => {
      expect(await verifyPassword(text, `${stored('something else')}${after}x`)).toBe(false);
    }),
    { numRuns: 5 },
  );
});

test('an unknown name takes as long as a known one', async () => {
  const hash = await hashPassword('correct horse battery');
  const time = async (one: string | undefined) => {
    const from = performance.now();
    await verifyPassword('wrong', one);
    return performance.now() - from;
  };
  const [known, unknown] = [await time(hash), await time(undefined)];
  expect(unknown).toBeGreaterThan(known / 4);
});

test.each([
  ['first', Unavailable],
  ['later', TooManyRequests],
] as const)(
  'one is computed, a number wait in the lane %s, and what is more is refused at once',
  async (lane, error) => {
    const refused: unknown[] = [];
    const one = () =>
      verifyPassword('x', stored('x'), lane, () => new Promise(setImmediate)).catch((reason: unknown) => {
        refused.push(reason);
      });
    await Promise.all(Array.from({ length: 60 }, one));
    expect(refused).toHaveLength(60 - 1 - WAITING_AT_MOST[lane]);
    for (const reason of refused) expect(reason).toBeInstanceOf(error);
    for (const reason of refused) expect(reason).toMatchObject({ retryAfterSeconds: 5 });
  },
);

test('what refuses before the hash frees the place for the next', async () => {
  const refuse = () => Promise.reject(new Error('locked'));
  for (let times = 0; times < 5; times++)
    await expect(verifyPassword('x', stored('x'), 'first', refuse)).rejects.toThrow('locked');
  await expect(verifyPassword('x', stored('x'))).resolves.toBe(true);
});

const SCHED_IDLE = '5';
/** Field `policy` of a thread's line in /proc (proc(5)), behind its name. */
const POLICY = 38;

(existsSync('/usr/bin/chrt') ? test : test.skip)(
  'what wakes up takes the processor from a hash at once',
  async () => {
    await hashPassword('correct horse battery');
    const threads = readdirSync('/proc/self/task');
    const policies = threads.map((thread) => {
      const line = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
      return line.slice(line.lastIndexOf(')') + 2).split(' ')[POLICY];
    });
    expect(policies.filter((policy) => policy === SCHED_IDLE)).toHaveLength(1);
  },
);
