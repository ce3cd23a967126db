import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from } from 'pg-copy-streams';
import { createTestDatabase } from '../../test/databases';
import { booleans, copyOf, floats, integers, jsons, texts, timestamps, uuids } from './binary-format';

describe('the binary format, as PostgreSQL reads it', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let client: Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new Client({ connectionString: database.databaseUrl });
    await client.connect();
  });

  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  const read = async (type: string, array: Buffer): Promise<unknown> =>
    (await client.query<{ array: unknown }>(`SELECT $1::${type}[] AS array`, [array])).rows[0]!.array;

  const ID = '0193a5f0-1b2c-7d3e-8f40-a1B2c3D4e5F6';
  const LONG = 'é"\\\n'.repeat(100_000);

  it.each<[string, Buffer, unknown]>([
    ['uuid', uuids([ID, null]), [ID.toLowerCase(), null]],
    ['text', texts(['', 'a "b" {c}, \\', null, '😀', LONG]), ['', 'a "b" {c}, \\', null, '😀', LONG]],
    ['jsonb', jsons(['{"a":"\\"é"}', 'null', null, '7']), [{ a: '"é' }, null, null, 7]],
    ['float8', floats([1.5, -0.1, null, 1e300]), [1.5, -0.1, null, 1e300]],
    ['int', integers([0, -2_147_483_648, null]), [0, -2_147_483_648, null]],
    ['bool', booleans([true, false, null]), [true, false, null]],
    ['text', texts([]), []],
  ])('%s', async (type, array, expected) => expect(await read(type, array)).toEqual(expected));

  // Half a pair is what is left of an emoji where a text was cut; one such text would cost the whole batch.
  it.each([
    ['cut 😀'.slice(0, 5), 'cut \ufffd'],
    ['\udc00 alone', '\ufffd alone'],
    ['a NUL\0', 'a NUL\ufffd'],
    ['\\ud83d as somebody typed it', '\\ud83d as somebody typed it'],
    ['\\\\\ud83d', '\\\\\ufffd'],
    ['whole 😀 and \u00e9', 'whole 😀 and é'],
  ])('what no text can hold is replaced, nothing else: %j', async (given, expected) => {
    const inJson = JSON.stringify({ [given]: [given] });
    expect(await read('jsonb', jsons([inJson, '1']))).toEqual([{ [expected]: [expected] }, 1]);
    expect(await read('text', texts([given, 'b']))).toEqual([expected, 'b']);
  });

  test('moments, also far away', async () => {
    const moments = [
      '-004000-01-01T00:00:00.001Z',
      '0000-06-01T00:00:00Z',
      '1969-12-31T23:59:59.999Z',
      '9999-12-31T23:59:59-12:00',
    ];
    const array = timestamps([...moments.map((text) => new Date(text)), null]);
    const { rows } = await client.query<{ ms: string | null }>(
      'SELECT (extract(epoch FROM at) * 1000)::numeric::text AS ms FROM unnest($1::timestamptz[]) AS at',
      [array],
    );
    expect(rows.map(({ ms }) => (ms === null ? null : Number(ms)))).toEqual([
      ...moments.map((text) => Date.parse(text)),
      null,
    ]);
  });

  test('rows to copy', async () => {
    await client.query(
      'CREATE TEMP TABLE rows (id uuid, said text, facts jsonb, number float8, is_so bool, count int)',
    );
    const rows = copyOf([
      { type: 'uuid', values: [ID.toLowerCase(), null] },
      { type: 'text', values: ['tab\t, line\n, \\N', null] },
      { type: 'jsonb', values: ['{"a":["\\n"]}', null] },
      { type: 'float8', values: [0.1, null] },
      { type: 'bool', values: [true, null] },
      { type: 'int', values: [-7, null] },
    ]);
    await pipeline(rows, client.query(from('COPY rows FROM STDIN BINARY')));
    expect((await client.query({ text: 'SELECT * FROM rows', rowMode: 'array' })).rows).toEqual([
      [ID.toLowerCase(), 'tab\t, line\n, \\N', { a: ['\n'] }, 0.1, true, -7],
      [null, null, null, null, null, null],
    ]);
  });

  it.each(['', 'not-a-uuid', ID.slice(1), `${ID.slice(0, -1)}g`])('%j is no UUID', (text) =>
    expect(() => uuids([text])).toThrow('not a UUID'),
  );
});
