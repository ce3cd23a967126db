import { hash as digest, timingSafeEqual } from 'node:crypto';
import { Global, Inject, Injectable, Module } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { Unauthorized } from '../common/errors';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';

/** Who sent a request. */
export type Principal = { kind: 'administrator' } | ({ kind: 'source'; format: string } & Sender);

/** Under which name what a request brings is kept, and the params of that source as they are stored. */
export interface Sender {
  name: string;
  params?: Record<string, unknown>;
}

interface SourceRow {
  hash: Buffer;
  name: string;
  format: string;
  params: Record<string, unknown>;
}

/** Whose token it is. Nothing is remembered: a token is void at once. */
@Injectable()
export class Identities {
  private readonly adminHash?: Buffer;
  /** Requests that come at once ask together. */
  private readonly sources = new Batcher((hashes: Buffer[]) => this.find(hashes));

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) config: Config,
  ) {
    this.adminHash = config.adminToken === undefined ? undefined : hashOf(config.adminToken);
  }

  /** @throws Unauthorized */
  async of(token: string): Promise<Principal> {
    const hash = hashOf(token);
    // Hashes are of one length, and comparing them takes the same time wherever they differ.
    if (this.adminHash !== undefined && timingSafeEqual(hash, this.adminHash))
      return { kind: 'administrator' };
    const source = await this.sources.add(hash);
    if (source === undefined) throw new Unauthorized('this token is not known');
    const { name, format, params } = source;
    return { kind: 'source', name, format, params };
  }

  private async find(hashes: readonly Buffer[]): Promise<(SourceRow | undefined)[]> {
    const rows = await this.database.keyed.rows<SourceRow>(
      'SELECT token_hash AS hash, name, format, params FROM sources WHERE token_hash = ANY($1::bytea[])',
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
