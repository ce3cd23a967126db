import type { Command } from 'commander';
import { readConfig } from '../../config/config';
import { createDataSource } from '../../database/data-source';
import { recordAudit } from '../../database/audit';
import { assertMigrated } from '../../database/migrate';
import { recognise, restorationText } from '../../database/installation';
import type { Connect } from '../client';

/**
 * Adds `monscale restored`, by which a person says that the database was restored, where nothing in it can show that: a
 * snapshot of a disk, or a recovery to a point in time. It connects to PostgreSQL itself.
 */
export function addRestored(program: Command, _connect: Connect, env: NodeJS.ProcessEnv): void {
  program
    .command('restored')
    .description(
      'say that the database that DATABASE_URL names was restored from a snapshot, before anything is started on it: what was open in it is held until monscale resume',
    )
    .action(async () => {
      if (!env.DATABASE_URL)
        throw new Error(
          'set DATABASE_URL to the database; that of embedded servers is in the file database-url of the data folder',
        );
      // Redis is not asked.
      const source = createDataSource(readConfig({ REDIS_URL: 'redis://', ...env }).databaseUrl!);
      try {
        await source.initialize();
        await assertMigrated(source);
        const { restored } = await source.transaction(async (manager) => {
          const found = await recognise((text, values) => manager.query(text, values), true);
          const detail = { from: found.restored?.from, executions: found.restored?.executions };
          await recordAudit({ rows: (text, values) => manager.query(text, values) }, [
            { action: 'restored', object: { type: 'system' }, detail },
          ]);
          return found;
        });
        console.log(restorationText(restored!));
      } finally {
        if (source.isInitialized) await source.destroy();
      }
    });
}
