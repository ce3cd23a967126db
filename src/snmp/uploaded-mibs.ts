import { Injectable } from '@nestjs/common';
import { Recurring } from '../common/periodic';
import { Database } from '../database/database';
import type { MibModule } from './mib';
import { awaitUploadedMibs, setUploadedMibs } from './object-names';

const EVERY_MS = 5_000;

/**
 * Polls PostgreSQL for the MIB modules that any process has uploaded, and sets their names in this process. Modules are
 * loaded again only when their number or newest change differs.
 */
@Injectable()
export class UploadedMibs extends Recurring {
  private revision?: string;

  constructor(private readonly database: Database) {
    super(EVERY_MS);
    awaitUploadedMibs();
  }

  override async round(): Promise<void> {
    const [row] = await this.database.rows<{ revision: string }>(
      `SELECT count(*) || ' ' || coalesce(max(updated_at)::text, '') AS revision FROM mibs`,
      [],
      'mibs_revision',
    );
    if (row!.revision === this.revision) return;
    const modules = await this.database.rows<MibModule & Record<string, unknown>>(
      'SELECT name, definitions, imports FROM mibs ORDER BY name',
      [],
      'mibs_named',
    );
    await setUploadedMibs(modules);
    this.revision = row!.revision;
  }
}
