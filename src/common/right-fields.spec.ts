import '../api.role';
import '../app.module';
import { validateSync } from 'class-validator';
import { check } from './check';
import { classesOfFields, fieldsOf, giveRules } from './fields';

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
  { env: 'MONSCALE_PARAM_HOME' },
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
      giveRules(cls);
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

/** What JSON can hold and hardly any field wants; each is tried alone and wrapped. */
const ODD: unknown[] = [
  ...VALUES,
  null,
  [[]],
  [[[]]],
  [null],
  [[{}]],
  { a: null },
  { a: { a: [] } },
  JSON.parse('{"__proto__": {"polluted": 1}}'),
  { constructor: { prototype: 1 }, toString: 1, hasOwnProperty: null },
  { length: 1 },
  { then: 1 },
  '\ud800',
  '__proto__',
  '((',
  -0,
  1e308,
  Number.MAX_SAFE_INTEGER + 2,
];
const wrapped = (value: unknown) => [value, [value], [[value]], { a: value }, [value, value]];

test.each(FIELDS.map(({ cls, field: { name } }) => [cls.name, name, cls] as const))(
  '%s.%s takes or refuses whatever JSON holds, and says where',
  (_, name, cls) => {
    const told = ODD.flatMap(wrapped).flatMap((value) => check(cls, { [name]: value }).errors);
    expect(told.filter(({ pointer, detail }) => !/^(\/|$)/.test(pointer) || !/\S/.test(detail))).toEqual([]);
  },
);

/** The types of JSON that each type of JSON Schema has; a template takes a number for a text. */
const TYPES: Record<string, readonly string[]> = {
  string: ['string', 'number'],
  integer: ['number'],
  number: ['number'],
  boolean: ['boolean'],
  array: ['array'],
  object: ['object'],
};
const typeOf = (value: unknown) => (Array.isArray(value) ? 'array' : typeof value);

test('no field takes a value of a type that its schema does not name, but for references to secrets', () => {
  const wrong = FIELDS.flatMap(({ cls, field: { name, schema, nested, list } }) => {
    const type = nested ? (list ? 'array' : 'object') : (schema.type as string | undefined);
    const types = type === undefined ? Object.values(TYPES).flat() : TYPES[type]!;
    return [false, true, 0, 7, '7', 'text', [], [[]], ['a'], {}, { a: 'b' }]
      .filter((value) => !types.includes(typeOf(value)))
      .filter((value) => check(cls, { [name]: value }).errors.every(({ pointer }) => pointer !== `/${name}`))
      .map((value) => [cls.name, name, value]);
  });
  expect(wrong).toEqual([]);
});
