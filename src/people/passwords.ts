/** Hashes of passwords: scrypt (RFC 7914) in a PHC-like text that carries its parameters. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { TooCostly, TooManyRequests, Unavailable } from '../common/errors';
import { threadTask, type ThreadTask } from '../common/thread-pool';
import { HashLanes, type Lane } from './hash-lanes';

/** Parameters of new hashes: some 230 ms and 32 MiB. */
const PRESENT = { log2N: 15, r: 8, p: 3 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Largest parameters of stored hashes that are computed: 128 MiB, and some ten times as long as the present ones. */
const LOG2_BYTES_AT_MOST = 27;
const P_AT_MOST = 16;
const TIMEOUT_MS = 20_000;
const RETRY_AFTER_SECONDS = 5;

/** Input of scrypt. */
export interface Derivation {
  text: string;
  salt: Uint8Array;
  log2N: number;
  r: number;
  p: number;
  /** Length of the hash. */
  bytes: number;
}

interface Stored extends Omit<Derivation, 'text'> {
  hash: Buffer;
}

/** Hashes take a core and memory each: two at a time at most. */
const lanes = new HashLanes<Derivation, Buffer>(
  {
    idle: derivedBy(threadTask('idle_passwords', join(__dirname, 'idle-passwords.thread'))),
    ready: derivedBy(threadTask('passwords', join(__dirname, 'passwords.thread'))),
  },
  () => new Unavailable('passwords can not be checked in time now', RETRY_AFTER_SECONDS),
);

/**
 * Returns the hash of a password as it is stored: `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`.
 *
 * @throws Unavailable when too many others wait
 */
export async function hashPassword(text: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await inTurn('first', async () => derivation(text, { ...PRESENT, salt, bytes: HASH_BYTES }));
  const { log2N, r, p } = PRESENT;
  return `$scrypt$ln=${log2N},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * Tells whether a password is right. It takes as long where there is no hash, for unknown names and people without a
 * password.
 *
 * @param stored undefined where nothing would be right
 * @param lane by who asks, not for whom
 * @param before called when it is this one's turn, before anything is computed; what it throws refuses
 * @throws TooManyRequests, Unavailable when too many others wait
 */
export async function verifyPassword(
  text: string,
  stored: string | undefined,
  lane: Lane = 'first',
  before: () => Promise<void> = async () => undefined,
): Promise<boolean> {
  const known = stored === undefined ? undefined : parsed(stored);
  const against = known ?? { ...PRESENT, salt: randomBytes(SALT_BYTES), hash: Buffer.alloc(HASH_BYTES) };
  const hash = await inTurn(lane, async () => {
    await before();
    return derivation(text, { ...against, bytes: against.hash.length });
  });
  return timingSafeEqual(hash, against.hash) && known !== undefined;
}

/** Tells whether a hash was made with other parameters than new ones are: it should be made anew. */
export function isOutdated(stored: string): boolean {
  const known = parsed(stored);
  return (
    known === undefined ||
    known.hash.length !== HASH_BYTES ||
    known.log2N !== PRESENT.log2N ||
    known.r !== PRESENT.r ||
    known.p !== PRESENT.p
  );
}

/** Returns the refusal where there is no room to check another password, before anything is looked up for it. */
export function noRoom(lane: Lane): TooManyRequests | Unavailable | undefined {
  if (!lanes.isFull(lane)) return undefined;
  const why = 'too many passwords wait to be checked';
  return lane === 'later'
    ? new TooManyRequests(why, RETRY_AFTER_SECONDS)
    : new Unavailable(why, RETRY_AFTER_SECONDS);
}

async function inTurn(lane: Lane, begin: () => Promise<Derivation>): Promise<Buffer> {
  const refusal = noRoom(lane);
  if (refusal !== undefined) throw refusal;
  return lanes.hash(lane, begin);
}

// One keyboard writes é as one character, another as two.
const derivation = (text: string, { salt, log2N, r, p, bytes }: Omit<Derivation, 'text'>): Derivation => ({
  text: text.normalize('NFKC'),
  salt,
  log2N,
  r,
  p,
  bytes,
});

function derivedBy(derive: ThreadTask<Derivation, Uint8Array>): (input: Derivation) => Promise<Buffer> {
  return async (input) => {
    const limits = {
      timeoutMs: TIMEOUT_MS,
      bytes: input.text.length,
      what: 'a password',
      deed: 'check',
    } as const;
    try {
      return Buffer.from(await derive(input, limits));
    } catch (error) {
      if (!(error instanceof TooCostly)) throw error;
      throw new Unavailable('passwords can not be checked now', RETRY_AFTER_SECONDS, { cause: error });
    }
  };
}

const STORED =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,88})\$([A-Za-z0-9+/]{22,88})$/;

/** Returns what a stored hash says; undefined when it is none, or would take too much. */
function parsed(text: string): Stored | undefined {
  const [, log2N, r, p, salt, hash] = STORED.exec(text) ?? [];
  if (salt === undefined || hash === undefined) return undefined;
  const stored = {
    log2N: Number(log2N),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
  const isSmall = Math.log2(stored.r) + stored.log2N + 7 <= LOG2_BYTES_AT_MOST && stored.p <= P_AT_MOST;
  const isPossible = stored.log2N > 0 && stored.r > 0 && stored.p > 0;
  return isSmall && isPossible ? { ...stored, bytes: stored.hash.length } : undefined;
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
