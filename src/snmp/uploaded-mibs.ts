import { Injectable } from '@nestjs/common';
import { Recurring } from '../common/periodic';
import { Database } from '../database/database';
import { awaitUploadedMibs, setUploadedMibs } from './object-names';
import { mibsRevision, storedMibs } from './stored-mibs';

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
    const revision = await mibsRevision(this.database);
    if (revision === this.revision) return;
    await setUploadedMibs(await storedMibs(this.database));
    this.revision = revision;
  }
}
