import { scryptSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { TooManyRequests, Unauthorized } from '../common/errors';
import { stopThreads } from '../common/thread-pool';
import type { Audit } from '../database/audit';
import type { Database } from '../database/database';
import { WAITING_AT_MOST } from './hash-lanes';
import { PasswordCheck } from './password-check';
import { Locked, type Keys, type SignInLimits } from './sign-in-limits';

jest.mock('node:timers/promises', () => ({ setTimeout: jest.fn(async () => undefined) }));

afterAll(stopThreads);

const FAILURE = { action: 'sign_in', caller: { actor: 'nobody', via: 'anonymous', address: '' } } as const;
const FLOODS = '192.0.2.1';
const OWN = '192.0.2.2';

/** A hash that costs next to nothing. */
const STORED = (() => {
  const plain = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  const salt = Buffer.alloc(16);
  return `$scrypt$ln=4,r=8,p=1$${plain(salt)}$${plain(scryptSync('right', salt, 32, { N: 16, r: 8, p: 1 }))}`;
})();

/** A check of a user's password. What begins waits until `release`. */
function bed() {
  let release: () => void = () => undefined;
  let held = Promise.resolve();
  const begun: string[] = [];
  const rows = jest.fn(async () => [{ id: 'an id', password_hash: STORED, disabled: false }]);
  const limits = {
    keysOf: (name: string, address: string) => ({
      account: Buffer.from(name),
      address: Buffer.from(address),
    }),
    check: jest.fn(async () => undefined),
    begin: async ({ address }: Keys) => {
      begun.push(address.toString());
      await held;
    },
    failed: async () => undefined,
  };
  const audit = { note: async () => undefined };
  const check = new PasswordCheck(
    { rows } as unknown as Database,
    limits as unknown as SignInLimits,
    audit as unknown as Audit,
  );
  return {
    begun,
    rows,
    limits,
    refusal: (address: string, name = 'anna') => check.refusalOf(name, address),
    hold: () => void (held = new Promise((resolve) => (release = resolve))),
    release: () => release(),
    guess: (address: string, name = 'anna') =>
      check.byName(
        name,
        'a wrong password',
        { raw: { socket: { remoteAddress: address }, headers: {} } } as unknown as FastifyRequest,
        FAILURE,
        async () => true,
      ),
  };
}

test('of an address that failed few wait, the others are refused before PostgreSQL is asked; who comes anew is next', async () => {
  const { guess, hold, release, begun, rows, limits } = bed();
  await expect(guess(FLOODS)).rejects.toThrow(Unauthorized);
  hold();
  const flood = Array.from({ length: 1 + WAITING_AT_MOST.later }, () => guess(FLOODS));
  await new Promise(setImmediate);
  const asked = rows.mock.calls.length + limits.check.mock.calls.length;
  for (let more = 0; more < 20; more++) await expect(guess(FLOODS)).rejects.toThrow(TooManyRequests);
  expect(rows.mock.calls.length + limits.check.mock.calls.length).toBe(asked);
  // Who guesses at a name can't push its owner back.
  const own = guess(OWN);
  await new Promise(setImmediate);
  release();
  await expect(own).rejects.toThrow(Unauthorized);
  const ended = await Promise.allSettled(flood);
  for (const one of ended) expect(one).toMatchObject({ reason: expect.any(Unauthorized) });
  expect(begun).toEqual([FLOODS, FLOODS, OWN, ...Array<string>(WAITING_AT_MOST.later).fill(FLOODS)]);
});

test('refusals that came together are answered apart, after one to three seconds', async () => {
  const { guess, limits } = bed();
  jest.mocked(sleep).mockClear();
  limits.check.mockRejectedValue(new TooManyRequests('locked', 60));
  await Promise.allSettled(Array.from({ length: 100 }, (_, number) => guess(`198.51.100.${number}`)));
  const times = jest.mocked(sleep).mock.calls.map(([ms]) => ms!);
  expect(times).toHaveLength(100);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(1_000);
  expect(Math.max(...times)).toBeLessThanOrEqual(3_000);
  expect(new Set(times.map((ms) => Math.floor(ms / 500))).size).toBe(4);
});

test('a lock that PostgreSQL told of is answered from memory, whoever meets it', async () => {
  const { guess, limits } = bed();
  limits.check.mockRejectedValueOnce(new Locked(30, [{ key: Buffer.from('anna'), seconds: 30 }]));
  await expect(guess(FLOODS, 'anna')).rejects.toMatchObject({ retryAfterSeconds: 30 });
  for (const address of [FLOODS, OWN])
    await expect(guess(address, 'anna')).rejects.toMatchObject({ retryAfterSeconds: 30 });
  expect(limits.check).toHaveBeenCalledTimes(1);
  await expect(guess(OWN, 'bert')).rejects.toThrow(Unauthorized);
});

test('what need not be looked at is told at once and asks nobody: a known lock, no room for an address that failed', async () => {
  const { guess, refusal, hold, release, rows, limits } = bed();
  expect(refusal(FLOODS)).toBeUndefined();
  limits.check.mockRejectedValueOnce(new Locked(30, [{ key: Buffer.from('anna'), seconds: 30 }]));
  await expect(guess(FLOODS)).rejects.toThrow(Locked);
  expect(refusal(OWN)).toMatchObject({ retryAfterSeconds: 30 });
  hold();
  const flood = Array.from({ length: 1 + WAITING_AT_MOST.later }, () => guess(FLOODS, 'bert'));
  await new Promise(setImmediate);
  const asked = rows.mock.calls.length + limits.check.mock.calls.length;
  expect(refusal(FLOODS, 'bert')).toBeInstanceOf(TooManyRequests);
  // Of an address that has not failed, others wait.
  expect(refusal('192.0.2.3', 'bert')).toBeUndefined();
  // Who was refused has failed.
  expect(refusal(OWN, 'bert')).toBeInstanceOf(TooManyRequests);
  expect(rows.mock.calls.length + limits.check.mock.calls.length).toBe(asked);
  release();
  await Promise.allSettled(flood);
});
