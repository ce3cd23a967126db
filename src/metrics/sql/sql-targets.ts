import { plainNumber } from '../../common/plain-number';
import { KeptConnections } from '../../common/kept-connections';
import type { Reading } from '../../common/reading';
import type { Question } from '../reader/messages';
import type { TargetProtocol } from '../reader/target-protocol';
import { reasonOfAbort } from '../../common/unless-aborted';
import { SqlDatabase } from './sql-database';
import { sqlAddress } from './sql-url';
import { noNumber, sqlWords, Told } from './sql-words';

const DATABASES_AT_MOST = 128;
const IDLE_MS = 5 * 60_000;

/** Reads PostgreSQL databases by queries, over connections that it keeps. */
export class SqlTargets implements TargetProtocol {
  private readonly databases = new KeptConnections<SqlDatabase>({
    atMost: DATABASES_AT_MOST,
    idleMs: IDLE_MS,
    close: (database) => database.close(),
  });

  read({ target, url, tls, asks, timeoutMs }: Question, signal: AbortSignal): Promise<Reading[]> {
    const address = sqlAddress(url, tls);
    const { user, password, database: name } = address;
    const failed = (error: unknown, query = ''): Reading => {
      const why = signal.aborted ? new Told(reasonOfAbort(signal, timeoutMs)) : error;
      return { error: sqlWords(why, password, `${query} ${user} ${name}`) };
    };
    return this.databases
      .use(
        target,
        () => new SqlDatabase(address),
        (database) =>
          Promise.all(
            asks.map((query) =>
              database
                .only(query, timeoutMs, signal)
                .then(readingOf, (error: unknown) => failed(error, query)),
            ),
          ),
      )
      .catch((error) => asks.map(() => failed(error)));
  }

  close(): void {
    this.databases.closeAll();
  }
}

function readingOf(text: string | null): Reading {
  if (text === null) return { error: 'the value is null' };
  const value = plainNumber(text);
  if (value !== undefined) return { value };
  return { error: noNumber(text) };
}
