import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { messageOf } from '../common/errors';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import { SEALED_IN } from '../database/secret-key';

const TOLD_AT_MOST = 20;
const AT_ONCE = 1_000;

interface Row {
  id: string;
  name: string;
  params: unknown[];
}

/**
 * Logs at start-up which definitions refer to secrets that can't be read: they are kept, and fail where they are used.
 */
@Injectable()
export class StoredReferences implements OnApplicationBootstrap {
  private readonly logger = new Logger('Secrets');

  constructor(
    private readonly database: Database,
    private readonly secrets: Secrets,
  ) {}

  /** Starts the check; start-up does not wait for it. */
  onApplicationBootstrap(): void {
    void this.tell().catch((error: unknown) =>
      this.logger.warn(`which secrets can't be had is not known: ${messageOf(error)}`),
    );
  }

  private async tell(): Promise<void> {
    let found = 0;
    for (const [table, columns] of Object.entries(SEALED_IN)) {
      for await (const row of this.rows(table, columns)) {
        await this.secrets.look(row.params);
        const problems = this.secrets.referenceProblems(row.params);
        if (problems.length > 0 && ++found <= TOLD_AT_MOST)
          this.logger.warn(`${table} ${row.name} can't have its secrets: ${problems.slice(0, 3).join('; ')}`);
      }
    }
    if (found > TOLD_AT_MOST) this.logger.warn(`${found - TOLD_AT_MOST} more can't have their secrets`);
  }

  /** Yields rows that may refer to a variable or a file; encrypted values may hold such references. */
  private async *rows(table: string, columns: readonly string[]): AsyncGenerator<Row> {
    const mayName = columns.map((column) => `${column}::text ~ '"(env|file|sealed)"'`).join(' OR ');
    for (let after: string | undefined = '00000000-0000-0000-0000-000000000000'; after !== undefined;) {
      const rows: Row[] = await this.database.rows<Row>(
        `SELECT id, name, jsonb_build_array(${columns.join(', ')}) AS params FROM ${table}
         WHERE id > $1 AND (${mayName}) ORDER BY id LIMIT ${AT_ONCE}`,
        [after],
      );
      yield* rows;
      after = rows.at(-1)?.id;
    }
  }
}
