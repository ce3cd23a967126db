import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Client } from 'pg';
import { createTestDatabase } from '../../../test/databases';
import { until } from '../../../test/program';
import { EXPIRED, GOOD, OTHER } from '../../../test/stand-ins/certificates';
import { startTlsPostgres, type TlsPostgres } from '../../../test/stand-ins/postgres';
import { check, checked } from '../../common/check';
import type { ReadContext } from '../metric';
import { TargetReader } from '../reader/target-reader';
import { SqlTargets } from '../sql/sql-targets';
import { SqlQuery, SqlQueryParams } from './sql-query.metric';

describe('sql_query', () => {
  const reader = new TargetReader();
  const metric = new SqlQuery(reader);
  let database: { databaseUrl: string; drop(): Promise<void> };
  let client: Client;
  let at: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    const { host, pathname } = new URL(database.databaseUrl);
    at = `${host}${pathname}`;
    client = new Client({ connectionString: database.databaseUrl });
    await client.connect();
    await client.query('CREATE TABLE orders (id int, state text); CREATE SEQUENCE numbers');
    await client.query("INSERT INTO orders VALUES (1, 'waiting'), (2, 'waiting'), (3, 'done')");
  });

  afterAll(async () => {
    await reader.onApplicationShutdown();
    await client?.end();
    await database?.drop();
  });

  const context = (timeoutMs = 15_000): ReadContext => ({
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
    nodes: () => Promise.reject(new Error('no infrastructure')),
    listNodes: () => Promise.reject(new Error('no infrastructure')),
  });

  const read = (query: string, url = database.databaseUrl, timeoutMs?: number) =>
    metric.read({ url, query }, context(timeoutMs));

  const connections = async (): Promise<number> => {
    const text =
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'monscale' AND datname = current_database()";
    return (await client.query<{ n: number }>(text)).rows[0]!.n;
  };

  it.each([
    ["SELECT count(*) FROM orders WHERE state = 'waiting'", 2],
    ['SELECT 12.5::numeric, id, state FROM orders LIMIT 1', 12.5],
    ['SELECT -1e300::float8', -1e300],
    ['SELECT 9007199254740993', 9007199254740992],
    ["SELECT ' 7 '", 7],
    ['VALUES (3);', 3],
    ['WITH w AS (SELECT 4 AS n) SELECT n FROM w -- the four', 4],
    ["SELECT extract(epoch FROM interval '2 minutes')", 120],
    ['SELECT 1 AS monscale_value, 2 AS monscale_value_2', 1],
  ])('%s is %d', async (query, number) => {
    expect(await read(query)).toBe(number);
  });

  it('a server that ends the connection amid a query fails that read, and nothing else', async () => {
    const uncaught: unknown[] = [];
    const note = (error: unknown) => void uncaught.push(error);
    process.on('uncaughtException', note);
    const reading = read('SELECT 1 FROM pg_sleep(5)').then(
      () => 'a number',
      (error: Error) => error.message,
    );
    await until(async () => {
      const text = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'monscale' AND datname = current_database() AND query LIKE '%pg_sleep%'`;
      return (await client.query(text)).rowCount === 1;
    }, 5_000);
    expect(await reading).not.toBe('a number');
    expect(await read('SELECT 3')).toBe(3);
    process.off('uncaughtException', note);
    expect(uncaught).toEqual([]);
  });

  it.each([
    ['SELECT id FROM orders WHERE false', /the query has no row$/],
    ['SELECT id FROM orders', /the query has more than one row$/],
    ['SELECT NULL', /the value is null$/],
    ["SELECT 'NaN'::float8", /the value is "NaN", no number$/],
    ["SELECT 'Infinity'::float8", /the value is "Infinity", no number$/],
    ['SELECT 1e400::numeric', /the value is a long text$/],
    ['SELECT 1e350::numeric', /, no number$/],
    ["SELECT ''", /the value is "", no number$/],
    ['SELECT true', /the value is "true", no number$/],
    ["SELECT '1,234.5'", /the value is a text, no number$/],
    ["SELECT '85.13 %'", /, no number$/],
    ["SELECT '0x1F'", /, no number$/],
    ["SELECT '12 GB'", /, no number$/],
    ['SELECT 5.00::money', /, no number$/],
    ["SELECT interval '5 s'", /, no number$/],
    ["SELECT repeat('9', 100000000)", /the value is a long text$/],
    ['SELECT missing FROM orders', /column "missing" does not exist \(SQLSTATE 42703\)$/],
    ['SELEC 1', /syntax error at or near "1" \(SQLSTATE 42601\)$/],
    ['SELECT 1; SELECT 2', /syntax error/],
  ])('%s is missing data', async (query, why) => {
    await expect(read(query, database.databaseUrl, 10_000)).rejects.toThrow(why);
    await expect(read(query, database.databaseUrl, 10_000)).rejects.toThrow(
      `cannot read the query from ${at}: `,
    );
  });

  it.each([
    "SELECT ('hush' || '-hush')::int",
    "SELECT ('hush' || '-hush')::date",
    "SELECT 'hush' || '-hush'",
    "SELECT query_to_xml('SELECT ' || quote_ident('hush' || '-hush'), true, true, '')::text",
    "SELECT query_to_xml('SELECT 1 FROM ' || quote_ident('hush' || '-hush'), true, true, '')::text",
    "SELECT ('{' || 'hush' || '-hush')::json::text",
  ])('%s tells nothing of what it has read', async (query) => {
    const reading = read(query).catch((error: Error) => error.message);
    expect(await reading).toMatch(/^cannot read the query/);
    expect(await reading).not.toContain('hush-hush');
  });

  it.each([
    'DELETE FROM orders',
    'WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone',
    "SELECT nextval('numbers')",
    'SELECT 1) AS q (v); DELETE FROM orders; --',
    'SELECT 1; COMMIT; DELETE FROM orders',
    'SELECT id FROM orders WHERE id = 1 FOR UPDATE',
    "SELECT set_config('transaction_read_only', 'off', true)::text || (SELECT 1)",
    'SELECT 1 INTO other',
  ])('%s changes nothing', async (query) => {
    await expect(read(query)).rejects.toThrow(/^cannot read the query/);
    expect((await client.query('SELECT FROM orders')).rowCount).toBe(3);
  });

  it('reads several at once; one that fails costs none of the others, and the same is asked once', async () => {
    const queries = ['SELECT 1', 'SELECT oops', 'SELECT 3', 'SELECT random()', 'SELECT random()'];
    const readings = await metric.readMany(
      queries.map((query) => ({ url: database.databaseUrl, query })),
      context(),
    );
    expect(readings).toMatchObject([
      { value: 1 },
      { error: `cannot read the query from ${at}: column "oops" does not exist (SQLSTATE 42703)` },
      { value: 3 },
      { value: expect.any(Number) },
      readings[3],
    ]);
  });

  it('keeps at most four connections, also after failures', async () => {
    const many = Array.from({ length: 40 }, (_, n) => read(n % 2 ? `SELECT ${n}` : `SELECT oops${n}`));
    await Promise.allSettled(many);
    expect(await connections()).toBeGreaterThan(0);
    expect(await connections()).toBeLessThanOrEqual(4);
  });

  it('ends at its timeout, here and at the server', async () => {
    const began = performance.now();
    await expect(read('SELECT 1 FROM pg_sleep(30)', database.databaseUrl, 300)).rejects.toThrow(
      /no answer in 0\.3 s$|statement timeout$/,
    );
    expect(performance.now() - began).toBeLessThan(10_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const sleeping =
      "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid() AND state = 'active'";
    expect((await client.query(sleeping)).rowCount).toBe(0);
    expect(await read('SELECT 5')).toBe(5);
  });

  it('connects anew when the server has cut it off', async () => {
    await read('SELECT 1');
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'monscale' AND datname = current_database()",
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await read('SELECT 6')).toBe(6);
  });

  it('says why it is not let in, and tells no password', async () => {
    const wrong = new URL(database.databaseUrl);
    wrong.password = 'hush-hush';
    wrong.pathname = '/nowhere';
    const reading = read('SELECT 1', wrong.href).catch((error: Error) => error.message);
    expect(await reading).toMatch(/: (password authentication failed|database "nowhere" does not exist)/);
    expect(await reading).not.toContain('hush');
    await expect(read('SELECT 1', 'postgres://u:hush-hush@127.0.0.1:1/d')).rejects.toThrow(
      /it refuses connections at/,
    );
    expect(metric.target({ url: wrong.href, query: '' })).not.toContain('hush');
  });

  it('does not speak plainly where TLS is asked for', async () => {
    const reading = read('SELECT 1', `${database.databaseUrl}?sslmode=require`);
    await expect(reading).rejects.toThrow(/does not support SSL/);
  });

  describe('of several hosts', () => {
    const servers: Server[] = [];
    const sockets: Socket[] = [];
    afterAll(() => {
      servers.forEach((server) => server.close());
      sockets.forEach((socket) => socket.destroy());
    });

    async function listening(listener: (socket: Socket) => void): Promise<string> {
      const server = createServer((socket) => {
        sockets.push(socket.on('error', () => undefined));
        listener(socket);
      });
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return `127.0.0.1:${(server.address() as AddressInfo).port}`;
    }

    /** The real one, which says that it is in recovery: the row of two columns, "f" and "f". */
    const standby = async () => {
      const asked = { times: 0 };
      const host = await listening((socket) => {
        const { hostname, port } = new URL(database.databaseUrl);
        const real = connect(Number(port), hostname).on('error', () => undefined);
        const row = Buffer.from('000200000001660000000166', 'hex');
        socket.on('data', (bytes: Buffer) => {
          if (bytes.includes('monscale_value')) asked.times++;
          real.write(bytes);
        });
        real.on('data', (bytes: Buffer) => {
          const at = bytes.indexOf(row);
          if (at >= 0) bytes.write('t', at + 6);
          socket.write(bytes);
        });
        socket.on('close', () => real.destroy());
      });
      return { host, asked };
    };

    const silent = () => listening(() => undefined);

    const urlOf = (hosts: string[], search = '') => {
      const { username, password, pathname } = new URL(database.databaseUrl);
      return `postgres://${username}:${password}@${hosts.join(',')}${pathname}${search}`;
    };
    const real = () => new URL(database.databaseUrl).host;

    it.each([
      ['one that refuses', () => '127.0.0.1:1'],
      ['one that is no PostgreSQL', () => listening((socket) => socket.end('HTTP/1.1 400 x\r\n\r\n'))],
      ['one that hangs up', () => listening((socket) => socket.destroy())],
      ['a name that nobody has', () => 'no-such-host.invalid:5432'],
      ['one that is silent', silent],
    ])('is read from the second where the first is %s', async (_, first) => {
      expect(await read('SELECT 8', urlOf([await first(), real()]))).toBe(8);
    });

    it('is asked first, from then on, of the one that served', async () => {
      let asked = 0;
      const url = urlOf([await listening(() => void asked++), real()]);
      await read('SELECT 1', url, 1_000);
      const before = asked;
      expect(await read('SELECT 1', url, 1_000)).toBe(1);
      expect([before > 0, asked]).toEqual([true, before]);
    });

    it.each([
      ['any', 'standby,real', 'standby'],
      ['read-write', 'standby,real', 'standby'],
      ['primary', 'standby,real', 'real'],
      ['standby', 'real,standby', 'standby'],
      ['prefer-standby', 'real,standby', 'standby'],
      ['prefer-standby', 'real,none', 'real'],
      ['prefer-standby', 'none,real', 'real'],
    ])('with target_session_attrs=%s takes of %s the %s', async (session, named, taken) => {
      const { host, asked } = await standby();
      const hosts: Record<string, string> = { standby: host, real: real(), none: '127.0.0.1:1' };
      const url = urlOf(
        named.split(',').map((name) => hosts[name]!),
        `?target_session_attrs=${session}`,
      );
      for (let again = 0; again < 3; again++) expect(await read('SELECT 9', url)).toBe(9);
      expect(asked.times).toBe(taken === 'standby' ? 3 : 0);
    });

    it('says of each host why it is not asked', async () => {
      const { host: standbyHost } = await standby();
      const url = urlOf(['127.0.0.1:1', standbyHost], '?target_session_attrs=primary');
      await expect(read('SELECT 1', url)).rejects.toThrow(
        `cannot read the query from 127.0.0.1:1,${standbyHost}${new URL(database.databaseUrl).pathname}: ` +
          `127.0.0.1:1: it refuses connections at 127.0.0.1:1; does something listen there?; ${standbyHost}: it is a standby`,
      );
      await expect(read('SELECT 1', urlOf([real()], '?target_session_attrs=read-only'))).rejects.toThrow(
        /: it is not read only$/,
      );
    });
  });

  const detailsOf = (url: unknown) =>
    check(SqlQueryParams, { url, query: 'SELECT 1' }).errors.map(({ detail }) => detail);

  it.each([
    'postgres://h/d',
    'postgresql://u:p%40@[::1]:5433/d?sslmode=verify-full',
    'postgres://u:a@b,c@d:1,[::1],e/d?target_session_attrs=prefer-standby&sslmode=require',
  ])('%s is right', (url) => {
    expect(detailsOf(url)).toEqual([]);
  });

  it.each([
    ['mysql://h/d', /must be postgres/],
    ['postgres://h', /name of the database/],
    ['postgres:///d', /must/],
    ['postgres://:50%@h/d', /%25/],
    ['postgres://h/d?sslmode=maybe', /sslmode/],
    ['postgres://h/d?sslrootcert=/etc/passwd', /nothing but sslmode and target_session_attrs/],
    ['postgres://a,b:0/d', /ports from 1/],
    ['postgres://a,,b/d', /must name a host/],
    ['postgres://a,::1/d', /brackets/],
    ['postgres://a/d?target_session_attrs=master', /none of any, read-write, read-only, primary, standby/],
    [`postgres://${'h,'.repeat(8)}h/d`, /at most 8 hosts/],
    [7, /./],
  ])('%s is refused', (url, detail) => {
    expect(detailsOf(url)).toEqual([expect.stringMatching(detail)]);
  });
});

describe('sql_query by TLS', () => {
  let server: TlsPostgres;

  beforeAll(async () => {
    server = await startTlsPostgres(GOOD);
  }, 60_000);
  afterAll(() => server?.stop());

  const IS_TLS = 'SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

  /** Each with connections of its own. */
  async function read(mode: string, tls?: object): Promise<number> {
    const { url, query, ...rest } = checked(SqlQueryParams, {
      url: `${server.url}${mode}`,
      query: IS_TLS,
      ...(tls && { tls }),
    });
    const targets = new SqlTargets();
    const timeoutMs = 15_000;
    try {
      const question = { protocol: 'sql', target: mode, url, asks: [query], timeoutMs, ...rest } as const;
      const [reading] = await targets.read(question, AbortSignal.timeout(timeoutMs));
      if ('value' in reading!) return reading.value;
      throw new Error(reading!.error);
    } finally {
      targets.close();
    }
  }

  it('is asked where its certificate is by the authority that is given, or where any will do', async () => {
    expect(await read('', { ca: GOOD.cert })).toBe(1);
    expect(await read('?sslmode=verify-full', { ca: GOOD.cert })).toBe(1);
    expect(await read('?sslmode=require', { ca: GOOD.cert })).toBe(1);
    expect(await read('?sslmode=no-verify')).toBe(1);
    expect(await read('', { rejectUnauthorized: false })).toBe(1);
    expect(await read('')).toBe(0);
    expect(await read('?sslmode=disable', { ca: GOOD.cert })).toBe(0);
  });

  it.each([
    ['by nobody who is trusted', GOOD, undefined, /its certificate is self-signed/],
    [
      'by another authority',
      GOOD,
      OTHER.cert,
      /its certificate is (self-signed|signed by nobody who is trusted)/,
    ],
    ['for another host', OTHER, OTHER.cert, /its certificate is not for 127.0.0.1/],
    ['of the past', EXPIRED, EXPIRED.cert, /certificate has expired/],
  ])('is told nothing with a certificate %s', async (_, shown, ca, why) => {
    await server.show(shown);
    // Those who connect at once may still be shown the one before.
    await until(
      () =>
        read('?sslmode=require', ca === undefined ? undefined : { ca }).then(
          () => false,
          (error: Error) => why.test(error.message),
        ),
      5_000,
    );
    expect(await read('?sslmode=no-verify')).toBe(1);
  });
});
