/** Hashes of passwords: scrypt (RFC 7914) in a PHC-like text that carries its parameters. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { TooCostly, Unavailable } from '../common/errors';
import { Limiter } from '../common/limiter';
import { threadTask } from '../common/thread-pool';

/** Parameters of new hashes: some 230 ms and 32 MiB. */
const PRESENT = { log2N: 15, r: 8, p: 3 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Largest parameters of stored hashes that are computed: 128 MiB, and some ten times as long as the present ones. */
const LOG2_BYTES_AT_MOST = 27;
const P_AT_MOST = 16;
/** Most hashes at a time, as each takes a core and its memory. */
export const AT_ONCE = 2;
/** Most hashes that wait, which takes some four seconds; on a busy machine longer, and then not for ever. */
export const WAITING_AT_MOST = 32;
/** Time that a password waits at most for its turn. */
export const WAIT_AT_MOST_MS = 25_000;
const TIMEOUT_MS = 25_000;
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

const derive = threadTask<Derivation, Uint8Array>('passwords', join(__dirname, 'passwords.thread'));
const full = (): Unavailable => new Unavailable('too many passwords wait to be checked', RETRY_AFTER_SECONDS);
const turns = new Limiter(AT_ONCE, WAITING_AT_MOST, full);

/**
 * Returns the hash of a password as it is stored: `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`.
 *
 * @throws Unavailable when too many others wait
 */
export function hashPassword(text: string): Promise<string> {
  return inTurn(async () => {
    const salt = randomBytes(SALT_BYTES);
    const hash = await derived(text, { ...PRESENT, salt, bytes: HASH_BYTES });
    const { log2N, r, p } = PRESENT;
    return `$scrypt$ln=${log2N},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
  });
}

/**
 * Tells whether a password is right. It takes as long where there is no hash, for unknown names and people without a
 * password.
 *
 * @param stored undefined where nothing would be right
 * @param before called when it is this one's turn, before anything is computed; what it throws refuses
 * @throws Unavailable when too many others wait
 */
export function verifyPassword(
  text: string,
  stored: string | undefined,
  before: () => Promise<void> = async () => undefined,
): Promise<boolean> {
  return inTurn(async () => {
    await before();
    const known = stored === undefined ? undefined : parsed(stored);
    const against = known ?? { ...PRESENT, salt: randomBytes(SALT_BYTES), hash: Buffer.alloc(HASH_BYTES) };
    const hash = await derived(text, { ...against, bytes: against.hash.length });
    return timingSafeEqual(hash, against.hash) && known !== undefined;
  });
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

/**
 * Refuses when there is no room to check another password, before anything is looked up for it.
 *
 * @throws Unavailable
 */
export function assertRoom(): void {
  if (turns.isFull) throw full();
}

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const from = performance.now();
  return turns.take(() => {
    if (performance.now() - from > WAIT_AT_MOST_MS)
      throw new Unavailable('passwords can not be checked in time now', RETRY_AFTER_SECONDS);
    return work();
  });
}

async function derived(
  text: string,
  { salt, log2N, r, p, bytes }: Omit<Derivation, 'text'>,
): Promise<Buffer> {
  // One keyboard writes é as one character, another as two.
  const input = { text: text.normalize('NFKC'), salt, log2N, r, p, bytes };
  const limits = { timeoutMs: TIMEOUT_MS, bytes: text.length, what: 'a password', deed: 'check' } as const;
  try {
    return Buffer.from(await derive(input, limits));
  } catch (error) {
    if (!(error instanceof TooCostly)) throw error;
    throw new Unavailable('passwords can not be checked now', RETRY_AFTER_SECONDS, { cause: error });
  }
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
