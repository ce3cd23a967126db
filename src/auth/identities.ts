import { hash as digest, timingSafeEqual } from 'node:crypto';
import { Global, Inject, Injectable, Module, Optional } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Batcher } from '../common/batcher';
import { ALL_RIGHTS, type Caller, type Scope } from '../common/caller';
import { CLOCK, type Clock } from '../common/clock';
import { TooManyRequests, Unauthorized } from '../common/errors';
import { SharedRun } from '../common/shared-run';
import { telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import { ApiTokens, TOKEN_PREFIX } from './api-tokens';
import { clientAddress } from './client-address';
import { Guesses } from './guesses';
import { GRANTS_OF_NOBODY, type GrantsColumn } from './grants-sql';
import { Sessions } from './sessions';

/** Who sent a request. */
export interface Identified {
  caller: Caller;
  /** Set for sources, which may only send alerts. */
  source?: Sender & { format: string };
}

/** Name under which the contents of a request are stored, and the stored params of that source. */
export interface Sender {
  name: string;
  params?: Record<string, unknown>;
  /** Limits of the source; absent for senders with an API token. */
  limits?: SourceLimits;
}

/** Limits of what a source may send. */
export interface SourceLimits {
  /** Names or ids of services; null for all. */
  services: string[] | null;
  /** Labels that its alerts must carry. */
  labels: Record<string, string>;
  /** Labels that are added to its alerts. */
  addLabels: Record<string, string>;
  /** Scopes of the services that it may send alerts for; absent for all. */
  scopes?: readonly Scope[];
}

interface SourceRow extends SourceLimits {
  hash: Buffer;
  name: string;
  format: string;
  params: Record<string, unknown>;
}

/** Life of the list of all tokens, which is used for addresses that guess, milliseconds. */
const LIST_MS = 250;

/** Reads what those may who send nothing. */
const OF_NOBODY = new Statement<{ grants: GrantsColumn }>(
  'auth_nobody',
  `SELECT ${GRANTS_OF_NOBODY} AS grants`,
  'by keys',
);

/** Reads the hashes of all tokens. */
const ALL_TOKENS = new Statement<{ hash: Buffer }>(
  'auth_tokens',
  'SELECT token_hash AS hash FROM sources UNION ALL SELECT token_hash FROM api_tokens',
  'by keys',
);

/** Finds sources by the hashes of their tokens. */
const FIND_SOURCES = new Statement<SourceRow>(
  'auth_sources',
  `SELECT token_hash AS hash, name, format, params, services, labels, add_labels AS "addLabels"
   FROM sources WHERE token_hash = ANY($1::bytea[])`,
  'by keys',
);

/**
 * Owners of tokens. Nothing is cached, so a revoked token is void at once. An address that sends many unknown tokens is
 * slowed; a right token from it is still accepted, as others may share the address.
 */
@Injectable()
export class Identities {
  private readonly adminHash?: Buffer;
  private readonly metricsHash?: Buffer;
  private readonly guesses = new Guesses();
  /** Batched lookups, so that concurrent requests share one statement. */
  private readonly sources = new Batcher((hashes: Buffer[]) => this.find(hashes));
  private readonly listing = new SharedRun(() => this.list());
  private listed = { hashes: new Set<string>(), at: -Infinity };

  /** Reads of what those may who send nothing; concurrent requests share one. */
  private readonly anonymous = new Batcher((requests: string[]) => this.ofNobody(requests));

  constructor(
    private readonly database: Database,
    private readonly tokens: ApiTokens,
    @Inject(CONFIG) config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
    @Optional() private readonly sessions?: Sessions,
  ) {
    this.adminHash = config.adminToken === undefined ? undefined : hashOf(config.adminToken);
    this.metricsHash = config.metricsToken === undefined ? undefined : hashOf(config.metricsToken);
  }

  /** Returns who reads metrics by `MONSCALE_METRICS_TOKEN`, which routes have to ask for; undefined for other tokens. */
  monitor(token: string, address: string): Identified | undefined {
    if (this.metricsHash === undefined || !timingSafeEqual(hashOf(token), this.metricsHash)) return undefined;
    const grants = [{ role: 'viewer' as const, approve: false, scope: null }];
    return { caller: { actor: 'the reader of metrics', via: 'token', address, grants } };
  }

  /**
   * Returns the owner of a token.
   *
   * @param address from where it was sent
   * @throws Unauthorized
   * @throws TooManyRequests when the token is not even looked up
   */
  async of(token: string, address: string): Promise<Identified> {
    const hash = hashOf(token);
    // Hashes are of one length, and comparing them takes the same time wherever they differ.
    if (this.adminHash !== undefined && timingSafeEqual(hash, this.adminHash))
      return {
        caller: { actor: 'the administrator', via: 'administrator', address, grants: ALL_RIGHTS },
      };
    const waitSeconds = this.guesses.waitSeconds(address, this.now());
    if (waitSeconds > 0 && !(await this.mayBeRight(hash))) {
      telemetry.tokensRefused.inc({ reason: 'slowed' });
      throw new TooManyRequests('too many unknown tokens come from this address', waitSeconds);
    }
    const identified = await this.lookUp(token, hash, address);
    if (identified !== undefined) return identified;
    this.guesses.failed(address, this.now());
    telemetry.tokensRefused.inc({ reason: 'unknown' });
    throw new Unauthorized('this token is not known');
  }

  /**
   * Returns who sent a request without a token: by a cookie, or what everybody may; undefined where that is nothing.
   *
   * @param isReading whether the route is one that everybody may be let into: others cost no statement
   */
  async withoutToken(request: FastifyRequest, isReading: boolean): Promise<Identified | undefined> {
    const caller = await this.sessions?.callerOf(request);
    if (caller !== undefined) return { caller };
    if (!isReading) return undefined;
    const address = clientAddress(request.raw);
    const grants = await this.anonymous.add(address);
    return grants.length === 0
      ? undefined
      : { caller: { actor: 'nobody', via: 'anonymous', address, grants } };
  }

  private async lookUp(token: string, hash: Buffer, address: string): Promise<Identified | undefined> {
    const caller = token.startsWith(TOKEN_PREFIX) ? await this.tokens.callerOf(hash, address) : undefined;
    if (caller !== undefined) return { caller };
    const source = await this.sources.add(hash);
    if (source === undefined) return undefined;
    const { name, format, params, services, labels, addLabels } = source;
    return {
      caller: { actor: `source ${name}`, via: 'source', address, grants: [] },
      source: { name, format, params, limits: { services, labels, addLabels } },
    };
  }

  private async ofNobody(requests: readonly string[]): Promise<GrantsColumn[]> {
    const [row] = await OF_NOBODY.rows(this.database.keyed);
    return requests.map(() => row?.grants ?? []);
  }

  private now(): number {
    return this.clock.now().getTime();
  }

  /**
   * Tells whether a token exists, by a list of all tokens that is read a few times a second at most, however many are
   * guessed.
   */
  private async mayBeRight(hash: Buffer): Promise<boolean> {
    const key = hash.toString('base64');
    if (!this.listed.hashes.has(key) && performance.now() - this.listed.at > LIST_MS)
      await this.listing.run();
    return this.listed.hashes.has(key);
  }

  private async list(): Promise<void> {
    if (performance.now() - this.listed.at <= LIST_MS) return;
    const rows = await ALL_TOKENS.rows(this.database.keyed);
    this.listed = { hashes: new Set(rows.map(({ hash }) => hash.toString('base64'))), at: performance.now() };
  }

  private async find(hashes: readonly Buffer[]): Promise<(SourceRow | undefined)[]> {
    // Many requests at a time have one token.
    const asked = new Map(hashes.map((hash) => [hash.toString('latin1'), hash]));
    const rows = await FIND_SOURCES.rows(this.database.keyed, [[...asked.values()]]);
    return hashes.map((hash) => rows.find((row) => row.hash.equals(hash)));
  }
}

/** Returns the hash of a token; only hashes are stored. */
export const hashOf = (token: string): Buffer => digest('sha256', token, 'buffer');

@Global()
@Module({ providers: [ApiTokens, Identities], exports: [Identities] })
export class IdentitiesModule {}
