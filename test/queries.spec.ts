import 'reflect-metadata';
import { createMigratedDatabase } from './databases';
import { declarationsOf, declaringFiles } from './queries/declarations';
import { keptPages, pagesOf, type Shown } from './queries/pages';
import { BOUNDED, folded, readWhole, SMALL, WANTED } from './queries/plans';
import { reviewed } from './queries/review';

const HOW = 'Review the difference; `npm run docs:queries` writes the pages';

describe('a declaration', () => {
  it('is a constant, with a name in quotes and a docstring', () => {
    const text = `/** Reads\n * them. */\nconst READ = new Statement<Row>('things_read', \`SELECT \${1}\`);`;
    expect(declarationsOf('a.ts', text)).toEqual([
      { name: 'things_read', file: 'a.ts', what: 'Reads them.' },
    ]);
  });

  it.each(["const read = () => new Statement('things_read', '');", "const READ = new Statement(NAME, '');"])(
    'is refused as %s',
    (text) => expect(() => declarationsOf('a.ts', text)).toThrow('a.ts makes 1 statements; 0 are constants'),
  );
});

describe('a plan', () => {
  const days = ['samples_20260101 samples_1', 'samples_20260102 samples_2'];

  it('has one partition in place of those that are read alike', () => {
    const lines = days.flatMap((day) => [`  ->  Seq Scan on ${day}`, '        Filter: (at > $1)']);
    const one = ['  ->  Seq Scan on samples_DAY samples_1', '        Filter: (at > $1)'];
    expect(folded(['Append', ...lines, '  ->  Result'])).toEqual(['Append', ...one, '  ->  Result']);
  });

  it('has each that is read in its own way', () => {
    const lines = [
      `  ->  Seq Scan on ${days[0]}`,
      `  ->  Index Scan using samples_20260102_pkey on ${days[1]}`,
    ];
    expect(folded(['Append', ...lines])).toHaveLength(3);
  });

  it.each([
    ['Seq Scan on services s\n  ->  Seq Scan on samples_DAY', ['services', 'samples']],
    ['Index Scan using services_pkey on services\n  Index Cond: (id = $1)', []],
    ['Index Only Scan using services_pkey on services\n  Filter: enabled', ['services']],
    ['  ->  Bitmap Index Scan on services_pkey', ['services']],
    ['Limit\n  ->  Index Scan using services_pkey on services', []],
    ['Limit\n  ->  Index Scan using services_pkey on services\n        Filter: enabled', ['services']],
    [
      'Limit\n  ->  Result\n        One-Time Filter: ($1 = 0)\n        ->  Index Scan using services_pkey on services',
      [],
    ],
    ['Index Scan using executions_open on executions', []],
  ])('that is %j reads whole %j', (plan, tables) => {
    expect(readWhole(plan, new Map([['services_pkey', 'services']]))).toEqual(tables);
  });
});

describe('statements', () => {
  let statements: readonly Shown[];

  beforeAll(async () => {
    const { databaseUrl, drop } = await createMigratedDatabase();
    try {
      statements = await reviewed(databaseUrl);
    } finally {
      await drop();
    }
  }, 120_000);

  test('statements of every file that declares some are planned', () => {
    expect(declaringFiles().length).toBeGreaterThan(30);
    expect([...new Set(statements.map(({ file }) => file))].sort()).toEqual(declaringFiles());
  });

  test('every statement says what it is for', () => {
    expect(statements.filter(({ what }) => what === '').map(({ name }) => name)).toEqual([]);
  });

  /** Returns which statements read a table whole that is not among these. */
  const wholeReads = (plansOf: (statement: Shown) => Shown['plans'], may: Readonly<Record<string, string>>) =>
    statements.flatMap((statement) =>
      plansOf(statement).flatMap(({ way, whole }) =>
        whole
          .filter((table) => !Object.hasOwn(may, table) && WANTED[statement.name]?.[table] === undefined)
          .map((table) => `${statement.name} reads ${table} whole, planned ${way}`),
      ),
    );

  test('no statement reads a table whole that grows', () => {
    expect(wholeReads(({ plans }) => plans, SMALL)).toEqual([]);
  });

  // A table that nothing is known of seems to be full of what is looked for: one row of it would soon be met.
  test('nor before PostgreSQL has read it for its statistics', () => {
    expect(wholeReads(({ early }) => early, { ...SMALL, ...BOUNDED })).toEqual([]);
  });

  test('what may be read whole is', () => {
    const read = new Set(
      statements.flatMap(({ name, plans }) =>
        plans.flatMap(({ whole }) => whole.flatMap((table) => [table, `${name} ${table}`])),
      ),
    );
    const wanted = Object.entries(WANTED).flatMap(([name, tables]) =>
      Object.keys(tables).map((table) => `${name} ${table}`),
    );
    expect([...Object.keys(SMALL), ...wanted].filter((one) => !read.has(one))).toEqual([]);
  });

  test(`plans are as docs/queries has them. ${HOW}`, () => {
    expect(Object.fromEntries(keptPages())).toEqual(Object.fromEntries(pagesOf(statements)));
  });
});
