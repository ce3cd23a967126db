import 'reflect-metadata';
import { createMigratedDatabase } from './databases';
import { declaringFiles } from './queries/declarations';
import { keptPages, pagesOf, type Shown } from './queries/pages';
import { readWhole, SMALL } from './queries/plans';
import { reviewed } from './queries/review';

const HOW = 'Review the difference; `npm run docs:queries` writes the pages';

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

test('no statement reads a table whole that grows', () => {
  const whole = statements.flatMap(({ name, plans }) =>
    plans.flatMap(({ way, plan }) =>
      readWhole(plan)
        .filter((table) => !Object.hasOwn(SMALL, table))
        .map((table) => `${name} reads ${table} whole, planned ${way}`),
    ),
  );
  expect(whole).toEqual([]);
});

test('no table is called small that no statement reads whole', () => {
  const read = new Set(statements.flatMap(({ plans }) => plans.flatMap(({ plan }) => readWhole(plan))));
  expect(Object.keys(SMALL).filter((table) => !read.has(table))).toEqual([]);
});

test(`plans are as docs/queries has them. ${HOW}`, () => {
  expect(Object.fromEntries(keptPages())).toEqual(Object.fromEntries(pagesOf(statements)));
});
