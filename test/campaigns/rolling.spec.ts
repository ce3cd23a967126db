import { Client } from 'pg';
import { createTestDatabase, testRedisUrl } from '../databases';
import { rollingCampaign } from './rolling';
import { thisVersion } from './rolling/version';

/**
 * The full campaign, which comes from the version before as git has it: `npm run campaign rolling`. Here both sides are this
 * version, and the schema is one that a later version has migrated: both work beside a migration that they do not know.
 */
it('a rolling update and the way back lose nothing, do nothing twice, and leave no gap', async () => {
  const [database, redis] = await Promise.all([createTestDatabase(), testRedisUrl()]);
  const { databaseUrl } = database;
  try {
    const report = await rollingCampaign({
      from: { ...thisVersion(), name: 'the old one' },
      to: { ...thisVersion(), name: 'the new one' },
      servers: { databaseUrl, redisUrl: redis.redisUrl },
      rates: { alerts: 50, alertsEach: 5, actsOn: 10, services: 5, informs: 5 },
      polls: 20,
      replicas: 1,
      splits: false,
      inTurn: false,
      steadySeconds: 3,
      alsoMigrate: () => migrateFurther(databaseUrl),
    });
    expect(report).toMatchObject({ violations: [] });
    expect(report.alerts).toBeGreaterThan(500);
    expect(report.informs).toBeGreaterThan(20);
    expect(report.executions).toBeGreaterThan(50);
    expect(report.readings).toBeGreaterThan(400);
  } finally {
    await Promise.all([database.drop(), redis.release()]);
  }
}, 600_000);

/** As a migration of the version after this one, which only adds what this one does not look at. */
async function migrateFurther(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      'SELECT name FROM migrations ORDER BY timestamp DESC LIMIT 1',
    );
    await client.query('BEGIN');
    await client.query('CREATE TABLE of_the_next_version (id int)');
    await client.query(
      `INSERT INTO migrations (timestamp, name) VALUES (9000000000000, 'Next9000000000000')`,
    );
    await client.query(`INSERT INTO schema_versions VALUES ('Next9000000000000', $1)`, [rows[0]!.name]);
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}
