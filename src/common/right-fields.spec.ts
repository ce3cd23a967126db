import '../app.module';
import { validateSync } from 'class-validator';
import { classesOfFields, fieldsOf } from './fields';

const LONG = 'x'.repeat(10_001);
const VALUES = [
  '',
  ' ',
  'a',
  'GET',
  'firing',
  '😀',
  '\uFE0F',
  'é',
  'a\u0000b',
  '1.3.6.1.2.1.1.3.0',
  '2026-11-25T00:00:00Z',
  '{{ a',
  LONG,
  '😀'.repeat(5_001),
  0,
  1,
  -1,
  1.5,
  161,
  1e9,
  NaN,
  Infinity,
  true,
  {},
  { a: 'b' },
  { a: 1 },
  { a: LONG },
  { env: 'HOME' },
  [],
  ['a'],
  [''],
  [{}],
  new Date(),
];

const FIELDS = [...classesOfFields()].flatMap((cls) => fieldsOf(cls).map((field) => ({ cls, field })));

test('what a field takes for certainly right, the validator finds nothing wrong with', () => {
  const wrong = FIELDS.flatMap(({ cls, field: { name, isRight } }) =>
    VALUES.filter((value) => isRight(value)).flatMap((value) => {
      const instance = Object.assign(new cls(), { [name]: value });
      const errors = validateSync(instance, { forbidUnknownValues: false });
      return errors.some(({ property }) => property === name) ? [[cls.name, name, value]] : [];
    }),
  );
  expect(wrong).toEqual([]);
});

test('what is usual is certainly right: a validator is rarely asked', () => {
  const plain = FIELDS.filter(({ field: { nested } }) => nested === undefined);
  const taken = plain.filter(({ field }) => VALUES.some((value) => field.isRight(value)));
  expect(taken.length).toBeGreaterThan(plain.length * 0.7);
});
