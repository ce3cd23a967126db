import { createHmac } from 'node:crypto';
import { isSealed, type SealedSecret } from '../common/secret-value';
import { Secrets } from '../common/secrets';
import { secretKeysOf, type Config } from '../config/config';

export type Ask = <R>(text: string, values?: unknown[]) => Promise<R[]>;

/** Stored secrets that this process's keys do not decrypt. */
export class WrongKey extends Error {}

/** Tables and columns of definitions that hold encrypted secrets. */
export const SEALED_IN = {
  infrastructures: ['nodes', 'load_balancer'],
  actions: ['params'],
  services: ['metrics'],
  sources: ['params'],
} as const satisfies Record<string, readonly string[]>;

const LOOKED_AT = 100;

/** Returns a fingerprint that tells keys apart and reveals nothing about them. */
export const fingerprintOf = (key: Buffer): string =>
  createHmac('sha256', key).update('monscale: fingerprint of the secret key').digest('hex').slice(0, 16);

/**
 * Checks that this process has the key of the stored secrets; records its key if it is the first. A process with
 * another key must not start: no other could read what it encrypts, and it could read nothing that is stored.
 *
 * @throws WrongKey saying what to do
 */
export async function assertSameKey(ask: Ask, config: Config): Promise<void> {
  const keys = secretKeysOf(config);
  const [known] = await ask<{ fingerprint: string }>('SELECT fingerprint FROM secret_key');
  if (known === undefined) return noteFirst(ask, keys);
  const fingerprints = keys.map(fingerprintOf);
  if (fingerprints.includes(known.fingerprint)) return;
  if (keys.length > 0)
    throw new WrongKey(
      `MONSCALE_SECRET_KEY is not the key that stored secrets are encrypted with: its fingerprint is ${fingerprints[0]}, theirs is ${known.fingerprint}. ${WAYS_OUT}`,
    );
  // Who says what is due opens no secrets.
  const opensNone = config.roles.every((role) => role === 'scheduler');
  if (opensNone || (await someSealed(ask)).length === 0) return;
  throw new WrongKey(
    `MONSCALE_SECRET_KEY is not set, and stored secrets are encrypted with a key of the fingerprint ${known.fingerprint}. ${WAYS_OUT}`,
  );
}

const WAYS_OUT =
  'Set that key again (with embedded servers it is in the file secret-key of the data folder); to change it, set the new one as MONSCALE_SECRET_KEY, the old one as MONSCALE_SECRET_KEY_PREVIOUS, and run: npx monscale rotate-key. If it is lost: npx monscale rotate-key --lost';

async function noteFirst(ask: Ask, keys: readonly Buffer[]): Promise<void> {
  if (keys.length === 0) return;
  const sealed = await someSealed(ask);
  const opening = keys.filter((one) => sealed.some((seal) => new Secrets([one]).opens(seal)));
  if (sealed.length > 0 && opening.length === 0)
    throw new WrongKey(
      `MONSCALE_SECRET_KEY is not the key that stored secrets are encrypted with: it opens none of them. ${WAYS_OUT}`,
    );
  // While secrets are still under the older key, that is the one that must not be taken away yet.
  const key = opening.at(-1) ?? keys[0]!;
  // Of several processes that start at once the first one's counts; the others look again.
  await ask('INSERT INTO secret_key (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING', [fingerprintOf(key)]);
  const [noted] = await ask<{ fingerprint: string }>('SELECT fingerprint FROM secret_key');
  if (!keys.map(fingerprintOf).includes(noted!.fingerprint))
    throw new WrongKey(
      `another process began with another MONSCALE_SECRET_KEY at the same time. ${WAYS_OUT}`,
    );
}

/** Returns some encrypted secrets, from every table. */
async function someSealed(ask: Ask): Promise<SealedSecret[]> {
  const columns = Object.entries(SEALED_IN).flatMap(([table, names]) =>
    names.map(
      (name) =>
        `(SELECT ${name} AS params FROM ${table} WHERE ${name}::text LIKE '%"sealed"%' LIMIT ${LOOKED_AT})`,
    ),
  );
  const rows = await ask<{ params: unknown }>(columns.join(' UNION ALL '));
  return rows.flatMap(({ params }) => sealedIn(params));
}

/** Returns all encrypted secrets in stored params. */
export function sealedIn(value: unknown): SealedSecret[] {
  if (isSealed(value)) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(sealedIn) : [];
}
