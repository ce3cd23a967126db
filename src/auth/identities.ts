import { hash as digest, timingSafeEqual } from 'node:crypto';
import { Global, Inject, Injectable, Module } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { CLOCK, type Clock } from '../common/clock';
import { TooManyRequests, Unauthorized } from '../common/errors';
import { SharedRun } from '../common/shared-run';
import { telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import { Guesses } from './guesses';

/** Who sent a request. */
export type Principal = { kind: 'administrator' } | ({ kind: 'source'; format: string } & Sender);

/** Under which name what a request brings is kept, and the params of that source as they are stored. */
export interface Sender {
  name: string;
  params?: Record<string, unknown>;
  /** None for who has an API token. */
  limits?: SourceLimits;
}

/** For what a source may speak. */
export interface SourceLimits {
  /** Names or ids; null: all. */
  services: string[] | null;
  /** What its alerts must carry. */
  labels: Record<string, string>;
  /** What is added to them. */
  addLabels: Record<string, string>;
}

interface SourceRow extends SourceLimits {
  hash: Buffer;
  name: string;
  format: string;
  params: Record<string, unknown>;
}

/** As long as that a list of all tokens counts, for addresses that guess. */
const LIST_MS = 250;

/**
 * Whose token it is. Nothing is remembered: a token is void at once. An address that sends many that nobody has is slowed;
 * a right token is taken from it all the same, as others may share it.
 */
@Injectable()
export class Identities {
  private readonly adminHash?: Buffer;
  private readonly guesses = new Guesses();
  /** Requests that come at once ask together. */
  private readonly sources = new Batcher((hashes: Buffer[]) => this.find(hashes));
  private readonly listing = new SharedRun(() => this.list());
  private listed = { hashes: new Set<string>(), at: -Infinity };

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.adminHash = config.adminToken === undefined ? undefined : hashOf(config.adminToken);
  }

  /**
   * @param address from where it was sent
   * @throws Unauthorized; TooManyRequests where it is not even looked up
   */
  async of(token: string, address: string): Promise<Principal> {
    const hash = hashOf(token);
    // Hashes are of one length, and comparing them takes the same time wherever they differ.
    if (this.adminHash !== undefined && timingSafeEqual(hash, this.adminHash))
      return { kind: 'administrator' };
    const waitSeconds = this.guesses.waitSeconds(address, this.now());
    if (waitSeconds > 0 && !(await this.mayBeRight(hash))) {
      telemetry.tokensRefused.inc({ reason: 'slowed' });
      throw new TooManyRequests('too many unknown tokens come from this address', waitSeconds);
    }
    const source = await this.sources.add(hash);
    if (source === undefined) {
      this.guesses.failed(address, this.now());
      telemetry.tokensRefused.inc({ reason: 'unknown' });
      throw new Unauthorized('this token is not known');
    }
    const { name, format, params, services, labels, addLabels } = source;
    return { kind: 'source', name, format, params, limits: { services, labels, addLabels } };
  }

  private now(): number {
    return this.clock.now().getTime();
  }

  /** By a list of all tokens that is read a few times a second at most, whatever is guessed. */
  private async mayBeRight(hash: Buffer): Promise<boolean> {
    const key = hash.toString('base64');
    if (!this.listed.hashes.has(key) && performance.now() - this.listed.at > LIST_MS)
      await this.listing.run();
    return this.listed.hashes.has(key);
  }

  private async list(): Promise<void> {
    if (performance.now() - this.listed.at <= LIST_MS) return;
    const rows = await this.database.keyed.rows<{ hash: Buffer }>(
      'SELECT token_hash AS hash FROM sources',
      [],
      'auth_tokens',
    );
    this.listed = { hashes: new Set(rows.map(({ hash }) => hash.toString('base64'))), at: performance.now() };
  }

  private async find(hashes: readonly Buffer[]): Promise<(SourceRow | undefined)[]> {
    const rows = await this.database.keyed.rows<SourceRow>(
      `SELECT token_hash AS hash, name, format, params, services, labels, add_labels AS "addLabels"
       FROM sources WHERE token_hash = ANY($1::bytea[])`,
      [hashes],
      'auth_sources',
    );
    return hashes.map((hash) => rows.find((row) => row.hash.equals(hash)));
  }
}

/** How a token is kept: as a hash, so that what is stored lets nobody in. */
export const hashOf = (token: string): Buffer => digest('sha256', token, 'buffer');

@Global()
@Module({ providers: [Identities], exports: [Identities] })
export class IdentitiesModule {}
