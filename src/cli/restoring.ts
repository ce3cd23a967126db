import { readConfig } from '../config/config';
import { recordAudit } from '../database/audit';
import { createDataSource } from '../database/data-source';
import { recognise, restorationText } from '../database/installation';
import { assertMigrated } from '../database/migrate';

/**
 * Notes that the database of the environment was restored, and says what is held.
 *
 * @throws Error, ConfigError when it can't be
 */
export async function noteRestored(env: NodeJS.ProcessEnv): Promise<void> {
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
}
