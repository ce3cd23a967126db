import { DataSource } from 'typeorm';
import { Foundation1700000000000 } from '../../migrations/1700000000000-foundation';
import { ENTITIES } from './entities';

/** One pool of connections for TypeORM and for SQL of our own. */
export function createDataSource(url: string, poolSize = 10): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    entities: ENTITIES,
    migrations: [Foundation1700000000000],
    installExtensions: false,
    applicationName: 'monscale',
    connectTimeoutMS: 5_000,
    extra: {
      max: poolSize,
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 30_000,
      keepAlive: true,
    },
  });
}

/** For the migration command: `npm run migration:run`. */
export default createDataSource(process.env.DATABASE_URL ?? '');
