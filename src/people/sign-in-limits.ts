import { Injectable } from '@nestjs/common';
import { networkOf } from '../auth/guesses';
import { hashOf } from '../auth/identities';
import { TooManyRequests } from '../common/errors';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import type { Lock } from './known-locks';

/** Failures in five minutes after which an account or an address (IPv6: network) is locked. */
const OF_ACCOUNT = 5;
const OF_ADDRESS = 20;
const WINDOW = `interval '5 minutes'`;
/** First lock; each further failure doubles it. */
const LOCK_SECONDS = 60;
const LOCK_AT_MOST_SECONDS = 900;
/** Time without a lock after which the next one is as short as the first. */
const FORGET = `interval '1 hour'`;
/** Time after which a check that never ended, as its process died, does not count any more. */
const CHECK = `interval '1 minute'`;
/** Age of rows that say nothing any more: more than the longest lock and FORGET. */
const OLD = `interval '2 hours'`;

const recent = (column: string, period: string): string =>
  `ARRAY(SELECT at FROM unnest(${column}) AS at WHERE at > now() - ${period})`;

/** Reads which of an account and an address are locked, and for how long. */
const CHECKED = new Statement<Lock>(
  'sign_in_check',
  `SELECT key, ceil(extract(epoch FROM locked_until - now()))::int AS seconds
   FROM sign_in_limits WHERE key = ANY($1::bytea[]) AND locked_until > now()`,
  'by keys',
);

const BEGIN = `
  INSERT INTO sign_in_limits AS l (key, most, failed, trying, locked_until, locks, touched_at)
  SELECT a.key, a.most, '{}', ARRAY[now()], '-infinity', 0, now()
  FROM unnest($1::bytea[], $2::int[]) AS a (key, most)
  WHERE NOT EXISTS (SELECT FROM sign_in_limits WHERE key = ANY($1::bytea[]) AND locked_until > now())
  ORDER BY a.key
  ON CONFLICT (key) DO UPDATE SET
    failed = ${recent('l.failed', WINDOW)}, trying = ${recent('l.trying', CHECK)} || now(), touched_at = now()
  WHERE l.locked_until <= now()
    AND cardinality(${recent('l.trying', CHECK)})
      < greatest(1, l.most - cardinality(${recent('l.failed', WINDOW)}))
  RETURNING key`;

/** Rows are locked in the order of their keys, as every statement here does it. */
const end = (changes: string): string => `
  UPDATE sign_in_limits AS l SET trying = l.trying[2:], touched_at = now() ${changes}
  FROM (SELECT key FROM sign_in_limits WHERE key = ANY($1::bytea[]) ORDER BY key FOR UPDATE) AS held
  WHERE l.key = held.key`;

const LOCKS = `CASE WHEN l.locked_until < now() - ${FORGET} THEN 0 ELSE l.locks END`;
const IS_LOCKED = `cardinality(${recent('l.failed', WINDOW)}) + 1 >= l.most`;

const RELEASE = end('');
const FAILED = end(`, failed = ${recent('l.failed', WINDOW)} || now(),
  locks = CASE WHEN ${IS_LOCKED} THEN ${LOCKS} + 1 ELSE l.locks END,
  locked_until = CASE WHEN ${IS_LOCKED}
    THEN now() + least(${LOCK_SECONDS} * 2 ^ least(${LOCKS}, 10), ${LOCK_AT_MOST_SECONDS}) * interval '1 second'
    ELSE l.locked_until END`);
const SUCCEEDED = end(`, failed = CASE WHEN l.key = $2 THEN '{}' ELSE l.failed END,
  locks = CASE WHEN l.key = $2 THEN 0 ELSE l.locks END`);

/** Refusal because of failures that were too many. */
export class Locked extends TooManyRequests {
  constructor(
    seconds: number,
    /** What is locked, as far as PostgreSQL was asked. */
    readonly locks: readonly Lock[] = [],
  ) {
    super('too many failures to sign in with this name or from this address', seconds);
  }
}

/** Account and address whose failures count. */
export interface Keys {
  account: Buffer;
  address: Buffer;
}

/**
 * Limits on failures to sign in, over all processes and by PostgreSQL's clock. Names that nobody has are locked as
 * others are. A password that is being checked holds a place among the failures that are left, so that many at a time
 * are no more than one after the other.
 */
@Injectable()
export class SignInLimits {
  constructor(private readonly database: Database) {}

  /** Keys are hashes: people type passwords where their name belongs. */
  keysOf(name: string, address: string): Keys {
    return { account: hashOf(`account ${name}`), address: hashOf(`address ${networkOf(address)}`) };
  }

  /**
   * Refuses when the account or the address is locked. It reads one row or two.
   *
   * @throws Locked
   */
  async check(keys: Keys): Promise<void> {
    const locks = await CHECKED.rows(this.database.keyed, [both(keys)]);
    if (locks.length > 0) throw new Locked(Math.max(...locks.map(({ seconds }) => seconds)), locks);
  }

  /**
   * Begins a check, which must be ended by one of the other calls.
   *
   * @throws Locked
   */
  async begin(keys: Keys): Promise<void> {
    const held = await this.database.rows<{ key: Buffer }>(BEGIN, [both(keys), [OF_ACCOUNT, OF_ADDRESS]]);
    if (held.length === 2) return;
    if (held.length > 0) await this.database.rows(RELEASE, [held.map(({ key }) => key)]);
    await this.check(keys);
    // Others check as many passwords at this moment as may be wrong.
    throw new Locked(1);
  }

  /** Ends a check that came to nothing. */
  async release(keys: Keys): Promise<void> {
    await this.database.rows(RELEASE, [both(keys)]);
  }

  async failed(keys: Keys): Promise<void> {
    await this.database.rows(FAILED, [both(keys)]);
  }

  /** Forgets the account's failures. Those of the address stay: else who has one account could guess others for ever. */
  async succeeded(keys: Keys): Promise<void> {
    await this.database.rows(SUCCEEDED, [both(keys), keys.account]);
  }

  /** Deletes what says nothing any more. */
  async sweep(): Promise<void> {
    await this.database.rows(`DELETE FROM sign_in_limits WHERE touched_at < now() - ${OLD}`);
  }
}

export const both = ({ account, address }: Keys): Buffer[] => [account, address];
