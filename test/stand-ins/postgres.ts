/** A PostgreSQL of a spec's own that speaks TLS. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../src/embedded/postgres';
import { asSuperuser } from '../databases';

export interface TlsPostgres {
  /** Without `sslmode`. */
  url: string;
  /** Shows another certificate to whoever connects from now on. */
  show(certificate: { cert: string; key: string }): Promise<void>;
  stop(): Promise<void>;
}

export async function startTlsPostgres(certificate: { cert: string; key: string }): Promise<TlsPostgres> {
  const folder = realpathSync(mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'postgres-')));
  const server = await startPostgres(folder, () => undefined, false);
  const client = new Client({ connectionString: asSuperuser(server.url, folder) });
  await client.connect();
  // The server takes no key that is another user's, or that others may read: it writes it itself.
  const keep = (file: string, pem: string) =>
    client.query(
      `COPY (SELECT unnest(string_to_array(${client.escapeLiteral(pem)}, E'\\n'))) TO PROGRAM 'umask 077; cat > ${file}'`,
    );
  const show = async ({ cert, key }: { cert: string; key: string }) => {
    await keep('server.crt', cert);
    await keep('server.key', key);
    await client.query('ALTER SYSTEM SET ssl = on');
    await client.query('SELECT pg_reload_conf()');
  };
  await show(certificate);
  const stop = async () => {
    await client.end();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: server.url, show, stop };
}
