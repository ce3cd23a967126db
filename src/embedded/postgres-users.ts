/**
 * Users of the embedded PostgreSQL: a superuser whose password nobody is told, and `monscale`, which the program and its
 * metrics use. In folders of older releases `monscale` is the superuser.
 */
import { Client } from 'pg';

/** Time limit of connections and queries, milliseconds. */
const CONNECT_MS = 10_000;

export const SUPERUSER = 'monscale_superuser';
const USER = 'monscale';
const DATABASE = 'monscale';
/** Temporary user that renames the superuser, who can't rename himself. */
const HELPER = 'monscale_helper';

/** SQLSTATE of a wrong password: https://www.postgresql.org/docs/18/errcodes-appendix.html */
const WRONG_PASSWORD = '28P01';

export interface Passwords {
  superuser: string;
  user: string;
}

/** Query for objects in the database that the user does not own, as statements that make him their owner. */
const FOREIGN_OBJECTS = `
  WITH schemas AS (
    SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  ), extensions AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
  ), users AS (
    SELECT oid FROM pg_roles WHERE rolname = '${USER}'
  ), found (classid, objid, owner, what) AS (
    SELECT 'pg_class'::regclass, c.oid, c.relowner, CASE c.relkind
        WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'S' THEN 'SEQUENCE '
        WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || c.oid::regclass
      FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        -- Sequences of columns go with their tables.
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass
          AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, p.proowner, 'ROUTINE ' || p.oid::regprocedure
      FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, t.typowner, 'TYPE ' || t.oid::regtype
      FROM pg_type t JOIN schemas s ON s.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
      WHERE t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, e.oid, e.stxowner, format('STATISTICS %I.%I', s.nspname, e.stxname)
      FROM pg_statistic_ext e JOIN schemas s ON s.oid = e.stxnamespace
    UNION ALL
    SELECT 'pg_namespace'::regclass, oid, nspowner, 'SCHEMA ' || quote_ident(nspname)
      FROM schemas WHERE nspname <> 'public'
  )
  SELECT 'ALTER ' || what || ' OWNER TO ${USER}' AS statement
  FROM found WHERE owner NOT IN (SELECT oid FROM users)
    AND NOT EXISTS (SELECT FROM extensions e WHERE e.classid = found.classid AND e.objid = found.objid)`;

/** Function that runs a statement as one user. */
type Ask = (text: string) => Promise<{ rows: Record<string, unknown>[] }>;

/**
 * Makes the user and his database, which only he may use. A folder of an older release is converted; a conversion that
 * was interrupted is continued.
 *
 * @param isOwn tells whether the server of a folder is the right one; a copy of a folder has the same passwords
 * @throws Error of PostgreSQL
 */
export async function ensureUsers(
  port: number,
  passwords: Passwords,
  isOwn: (folder: string) => boolean,
): Promise<void> {
  const as = <T>(user: string, password: string, database: string, work: (ask: Ask) => Promise<T>) =>
    connected({ host: '127.0.0.1', port, user, password, database }, work);
  const asSuperuser = (database: string, work: (ask: Ask) => Promise<void>) =>
    as(SUPERUSER, passwords.superuser, database, work);
  try {
    await asSuperuser('postgres', (ask) => refuseForeign(ask, isOwn));
  } catch (error) {
    if ((error as { code?: string }).code !== WRONG_PASSWORD) throw error;
    await as(USER, passwords.user, 'postgres', async (ask) => {
      await refuseForeign(ask, isOwn);
      await makeHelper(ask, passwords);
    });
    await as(HELPER, passwords.superuser, 'postgres', (ask) => renameSuperuser(ask, passwords));
  }
  await asSuperuser('postgres', (ask) => ensureOwnDatabase(ask, passwords));
  await asSuperuser(DATABASE, handOver);
}

async function refuseForeign(ask: Ask, isOwn: (folder: string) => boolean): Promise<void> {
  const { rows } = await ask(`SELECT current_setting('data_directory') AS folder`);
  const folder = String(rows[0]!.folder);
  // A folder that was moved meanwhile is known by its process.
  if (!isOwn(folder)) throw new Error(`the server that answers is that of ${folder}`);
}

/** Makes the temporary user, as the superuser of an older release. */
async function makeHelper(ask: Ask, { superuser }: Passwords): Promise<void> {
  const { rows } = await ask(`SELECT FROM pg_roles WHERE rolname = '${HELPER}'`);
  const deed = rows.length === 0 ? 'CREATE' : 'ALTER';
  await ask(`${deed} ROLE ${HELPER} SUPERUSER LOGIN PASSWORD '${superuser}'`);
}

/**
 * Renames the superuser in one message, so all or nothing. The old password now belongs to the user with few rights.
 */
async function renameSuperuser(ask: Ask, { superuser, user }: Passwords): Promise<void> {
  await ask(`
    ALTER ROLE ${USER} RENAME TO ${SUPERUSER};
    ALTER ROLE ${SUPERUSER} PASSWORD '${superuser}';
    CREATE ROLE ${USER} LOGIN PASSWORD '${user}'`);
}

async function ensureOwnDatabase(ask: Ask, { user }: Passwords): Promise<void> {
  await ask(`DROP ROLE IF EXISTS ${HELPER}`);
  const [role] = (
    await ask(
      `SELECT rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls AS "mayMuch" FROM pg_roles WHERE rolname = '${USER}'`,
    )
  ).rows;
  if (role === undefined) await ask(`CREATE ROLE ${USER} LOGIN PASSWORD '${user}'`);
  else if (role.mayMuch) await ask(`ALTER ROLE ${USER} NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS`);
  const [database] = (
    await ask(`SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = '${DATABASE}'`)
  ).rows;
  if (database === undefined) await ask(`CREATE DATABASE ${DATABASE} OWNER ${USER}`);
  else if (database.owner !== USER) await ask(`ALTER DATABASE ${DATABASE} OWNER TO ${USER}`);
}

/** Makes the user the owner of everything; in a database of an older release the superuser is. */
async function handOver(ask: Ask): Promise<void> {
  const statements = (await ask(FOREIGN_OBJECTS)).rows.map(({ statement }) => String(statement));
  if (statements.length > 0) await ask(statements.join(';\n'));
}

async function connected<T>(
  where: { host: string; port: number; user: string; password: string; database: string },
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  const client = new Client({
    ...where,
    ssl: false,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
  });
  client.on('error', () => undefined); // told by connect() and query() as well
  try {
    await client.connect();
    const ask: Ask = (text) => client.query<Record<string, unknown>>(text);
    // Statements hold passwords, and one that fails is written to the server's log; not everybody may say so.
    await ask(
      `SELECT set_config('log_min_error_statement', 'panic', false) FROM pg_roles WHERE rolname = current_user AND rolsuper`,
    );
    return await work(ask);
  } finally {
    await client.end();
  }
}
