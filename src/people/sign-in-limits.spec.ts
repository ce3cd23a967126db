import { openTestDatabase } from '../../test/databases';
import { TooManyRequests } from '../common/errors';
import type { Database } from '../database/database';
import { SignInLimits } from './sign-in-limits';

let database: Database;
let end: () => Promise<void>;
let limits: SignInLimits;

beforeAll(async () => {
  ({ database, end } = await openTestDatabase());
  limits = new SignInLimits(database);
});

afterAll(() => end());

let number = 0;
const keys = (name = `name ${++number}`, address = `10.0.${number >> 8}.${number & 255}`) =>
  limits.keysOf(name, address);
type Keys = ReturnType<typeof keys>;

async function fail(of: Keys): Promise<void> {
  await limits.begin(of);
  await limits.failed(of);
}

/** Seconds of the lock; 0 without one. */
async function locked(of: Keys): Promise<number> {
  try {
    await limits.check(of);
    return 0;
  } catch (error) {
    expect(error).toBeInstanceOf(TooManyRequests);
    return (error as TooManyRequests).retryAfterSeconds;
  }
}

/** Lets time pass for all that is kept of a name and an address. */
const pass = ({ account, address }: Keys, period: string) =>
  database.rows(
    `UPDATE sign_in_limits SET locked_until = locked_until - $2::interval, touched_at = touched_at - $2::interval,
       failed = ARRAY(SELECT at - $2::interval FROM unnest(failed) AS at),
       trying = ARRAY(SELECT at - $2::interval FROM unnest(trying) AS at) WHERE key = ANY($1)`,
    [[account, address], period],
  );

test('the fifth failure locks for a minute, each further one for twice as long, up to 15 minutes', async () => {
  const of = keys();
  for (let times = 0; times < 4; times++) await fail(of);
  expect(await locked(of)).toBe(0);
  await fail(of);
  for (const seconds of [60, 120, 240, 480, 900, 900]) {
    expect(await locked(of)).toBe(seconds);
    await expect(limits.begin(of)).rejects.toThrow(TooManyRequests);
    await pass(of, `${seconds} seconds`);
    // Those before are out of the window by and by: five anew, or one more.
    for (let times = 0; times < 5 && (await locked(of)) === 0; times++) await fail(of);
  }
});

test('failures more than five minutes ago do not count; an hour after a lock the next is short again', async () => {
  const of = keys();
  for (let times = 0; times < 3; times++) {
    for (let one = 0; one < 4; one++) await fail(of);
    expect(await locked(of)).toBe(0);
    await pass(of, '301 seconds');
  }
  for (let one = 0; one < 5; one++) await fail(of);
  await pass(of, '60 seconds');
  await fail(of);
  expect(await locked(of)).toBe(120);
  await pass(of, '2 hours');
  for (let one = 0; one < 5; one++) await fail(of);
  expect(await locked(of)).toBe(60);
});

test('many at a time are as many as one after the other, and success holds no place', async () => {
  const of = keys();
  const begun = await Promise.allSettled(Array.from({ length: 20 }, () => limits.begin(of)));
  expect(begun.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  await Promise.all(Array.from({ length: 5 }, () => limits.succeeded(of)));
  for (let times = 0; times < 50; times++) {
    await limits.begin(of);
    await limits.succeeded(of);
  }
  await fail(of);
  expect(await locked(of)).toBe(0);
});

test('what came to nothing counts for nothing; what never ended, for a minute', async () => {
  const of = keys();
  for (let times = 0; times < 10; times++) {
    await limits.begin(of);
    await limits.release(of);
  }
  for (let times = 0; times < 5; times++) await limits.begin(of);
  await expect(limits.begin(of)).rejects.toMatchObject({ retryAfterSeconds: 1 });
  await pass(of, '61 seconds');
  await limits.begin(of);
});

test('twenty failures of an address lock it for all names, and one who gets in does not open it', async () => {
  const at = (name: string) => keys(name, '2001:db8:1:2::1');
  for (let times = 0; times < 19; times++) await fail(at(`guessed ${times}`));
  await limits.begin(at('own'));
  await limits.succeeded(at('own'));
  await fail(at('guessed last'));
  expect(await locked(at('own'))).toBe(60);
  expect(await locked(keys('own', '2001:db8:1:2:3:4:5:6'))).toBe(60);
  expect(await locked(keys('own', '2001:db8:1:3::1'))).toBe(0);
});

test('an account that is locked does not use up the address of who asks for it', async () => {
  const of = keys('asked for', '10.9.9.9');
  for (let times = 0; times < 5; times++) await fail(of);
  for (let times = 0; times < 40; times++) await expect(limits.begin(of)).rejects.toThrow(TooManyRequests);
  expect(await locked(keys('another', '10.9.9.9'))).toBe(0);
});

test('failures of names and addresses in any order at once do not hinder each other', async () => {
  const all = Array.from({ length: 60 }, (_, n) => limits.keysOf(`crossed ${n % 12}`, `10.8.0.${n % 5}`));
  const ended = await Promise.allSettled(all.map(fail));
  for (const one of ended) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(TooManyRequests);
});

test('old rows are deleted, those that lock are not', async () => {
  const [old, fresh] = [keys(), keys()];
  for (const one of [old, fresh]) for (let times = 0; times < 5; times++) await fail(one);
  await pass(old, '121 minutes');
  await limits.sweep();
  const left = await database.rows<{ key: Buffer }>('SELECT key FROM sign_in_limits');
  const has = ({ account }: Keys) => left.some(({ key }) => key.equals(account));
  expect([has(old), has(fresh)]).toEqual([false, true]);
});
