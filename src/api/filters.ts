/**
 * Filters and orders of lists, declared on the fields of a query: one declaration gives the parameter's docs, its check
 * and its SQL.
 *
 * Values of one filter with commas between them are alternatives; filters that are given together must all fit. A comma
 * that belongs to a value is written `\,`, and `=` that belongs to the name of a label `\=`.
 */
import { applyDecorators, type Type } from '@nestjs/common';
import { InvalidInput, type FieldError } from '../common/errors';
import { Any, Choice, fieldsOf, Text } from '../common/fields';
import { isId } from '../common/ids';
import { step } from '../common/pointer';
import { inScopes, scopesParameter, seenScopes } from '../database/scopes';
import { microseconds, NEWEST_FIRST, OLDEST_FIRST, type Order, type Parameters } from '../database/pages';

/** Query as it arrives: a parameter that is given more than once is a list. */
export type GivenQuery = Readonly<Record<string, unknown>>;

type Parameter = Parameters['add'];

/** Returns an SQL condition: one of the values fits. Values stand in it as parameters alone. */
type Condition = (values: string[], parameter: Parameter) => string;

interface FilterOptions {
  description: string;
  example?: string;
  /** Returns what is wrong with a value. */
  check?: (value: string) => string | undefined;
  /** Whether it may be given several times, all of which must fit: for what a thing has several of. */
  isRepeatable?: boolean;
}

interface Declared {
  /** Returns the condition of a text as it was given; empty when it selects nothing. */
  condition: (text: string, parameter: Parameter) => string;
  isRepeatable: boolean;
}

const FILTERS = Symbol('monscale:filters');
const ORDERS = Symbol('monscale:orders');

const VALUES_AT_MOST = 100;
const TIMES_AT_MOST = 20;
const CHARACTERS_AT_MOST = 10_000;

const filtersOf = (target: object): Record<string, Declared> =>
  (Reflect.getMetadata(FILTERS, target) as Record<string, Declared> | undefined) ?? {};

/** Returns the orders of a query by the words of its `sort`; undefined when it has none. */
export const ordersOf = (query: object): Record<string, Order> | undefined =>
  Reflect.getMetadata(ORDERS, query) as Record<string, Order> | undefined;

/** Declares a filter. */
export function Filter(options: FilterOptions, condition: Condition): PropertyDecorator {
  const { description, example, isRepeatable = false } = options;
  const about = {
    description: `${description}; several with commas between them are alternatives`,
    optional: true,
    ...(example === undefined ? {} : { example }),
  };
  const problem = (text: string) => problemOf(text, options.check);
  return applyDecorators(
    isRepeatable
      ? Any(
          { ...about, description: `${about.description}; given several times, all must fit` },
          { type: 'array', items: { type: 'string' }, maxItems: TIMES_AT_MOST },
          (value) => textsProblem(value, problem),
        )
      : Text({ ...about, maxLength: CHARACTERS_AT_MOST, check: problem }),
    declare((text, parameter) => condition(valuesIn(text), parameter), isRepeatable),
  );
}

function declare(condition: Declared['condition'], isRepeatable: boolean): PropertyDecorator {
  return (target, property) => {
    const filters = { ...filtersOf(target), [String(property)]: { condition, isRepeatable } };
    Reflect.defineMetadata(FILTERS, filters, target);
  };
}

function textsProblem(value: unknown, problem: (text: string) => string | undefined): string | undefined {
  if (!Array.isArray(value) || value.some((text) => typeof text !== 'string')) return 'must be texts';
  if (value.length > TIMES_AT_MOST) return `may be given at most ${TIMES_AT_MOST} times`;
  for (const text of value as string[]) {
    const wrong =
      text.length > CHARACTERS_AT_MOST ? `must have at most ${CHARACTERS_AT_MOST} characters` : problem(text);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function problemOf(text: string, check?: (value: string) => string | undefined): string | undefined {
  const values = valuesIn(text);
  if (values.length > VALUES_AT_MOST) return `must have at most ${VALUES_AT_MOST} values`;
  if (values.includes('')) return 'must not have an empty value';
  return values.map((value) => check?.(value)).find((wrong) => wrong !== undefined);
}

/** Returns the values in a text: what stands between commas, of which `\,` is none. */
export const valuesIn = (text: string): string[] =>
  (`,${text}`.match(/,(?:\\[^]|[^,\\]|\\$)*/g) ?? []).map((part) =>
    part.slice(1).replace(/\\([,\\])/g, '$1'),
  );

/** Declares a filter of one of some words. */
export const OneOf = (words: readonly string[], column: string, description: string): PropertyDecorator =>
  Filter(
    {
      description: `${description}: ${words.join(', ')}`,
      check: (value) => (words.includes(value) ? undefined : `must be one of ${words.join(', ')}`),
    },
    isOneOf(column),
  );

/** Declares a filter of a text that is the same. */
export const Same = (column: string, description: string): PropertyDecorator =>
  Filter({ description }, isOneOf(column));

const isOneOf =
  (column: string): Condition =>
  (values, parameter) =>
    `${column} = ANY(${parameter(values)}::text[])`;

/** Declares a filter of what is true or false. @param condition SQL, never null */
export const IsTrue = (condition: string, description: string): PropertyDecorator =>
  Filter(
    { description, check: (value) => (BOOLEANS.includes(value) ? undefined : 'must be true or false') },
    (values) =>
      BOOLEANS.every((one) => values.includes(one))
        ? 'true'
        : values.includes('true')
          ? condition
          : `NOT (${condition})`,
  );

const BOOLEANS = ['true', 'false'];

/** Declares a filter of labels: `team=web`, or `team` for whatever has it. @param column SQL expression */
export const HasLabel = (column: string, whose = 'Its label'): PropertyDecorator =>
  Filter(
    {
      description: `${whose}, as \`team=web\`, or \`team\` with any value; = within its name is written \\=`,
      example: 'team=web',
      isRepeatable: true,
      check: labelProblem,
    },
    (values, parameter) => {
      const labels = values.map(labelIn);
      const pairs = labels.filter(({ value }) => value !== undefined).map(({ name, value }) => JSON.stringify({ [name]: value })); // prettier-ignore
      const names = labels.filter(({ value }) => value === undefined).map(({ name }) => name);
      return `${column} @> ANY(${parameter(pairs)}::jsonb[]) OR ${column} ?| ${parameter(names)}::text[]`;
    },
  );

const labelProblem = (value: string): string | undefined =>
  value.startsWith('=') ? 'must be name=value, or a name' : undefined;

/** Returns what is meant by `name=value`, or by a name alone: the first `=` that has no `\` before it ends the name. */
export function labelIn(text: string): { name: string; value?: string } {
  const [written] = /^(?:\\[^]|[^=\\]|\\$)*/.exec(text)!;
  const name = written.replace(/\\([=\\])/g, '$1');
  return written.length === text.length ? { name } : { name, value: text.slice(written.length + 1) };
}

const WORDS_AT_MOST = 10;

/**
 * Declares a search: each word must stand in the text, in whatever case. Nothing is sought without a word.
 *
 * @param text SQL expression, in lower case, never null; made for each caller where it goes by what that one may see
 */
export const Search = (text: string | ((parameter: Parameter) => string), where: string): PropertyDecorator =>
  applyDecorators(
    Text({
      description: `Words that stand in ${where}, all of them, in upper or lower case`,
      optional: true,
      maxLength: 200,
      check: (value) =>
        wordsIn(value).length > WORDS_AT_MOST ? `must have at most ${WORDS_AT_MOST} words` : undefined,
    }),
    declare((words, parameter) => {
      const sought = wordsIn(words);
      if (sought.length === 0) return '';
      const searched = typeof text === 'string' ? text : text(parameter);
      return sought.map((word) => `strpos(${searched}, lower(${parameter(word)})) > 0`).join(' AND ');
    }, false),
  );

const wordsIn = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== '');

/** SQL text to search in: texts one below the other. @param texts SQL expressions, never null */
export const searchedIn = (...texts: string[]): string => `lower(${texts.join(` || E'\\n' || `)})`;

/** SQL text of labels to search in: `team=web`, one below the other. @param labels SQL expression, never null */
export const labelWords = (labels: string): string => `label_words(${labels})`;

/**
 * Returns an SQL condition: an id is that of a definition of these names or ids. Names of what is out of the caller's
 * scope are unknown; its id is shown.
 *
 * @param column SQL expression of the id
 */
export function refersTo(
  table: 'services' | 'infrastructures' | 'actions',
  column: string,
  values: readonly string[],
  parameter: Parameter,
): string {
  const ids = parameter(values.filter(isId));
  const names = parameter(values);
  return `${column} = ANY(${ids}::uuid[]) OR ${column} IN (SELECT named.id FROM ${table} named
    WHERE named.name = ANY(${names}::text[]) AND ${inScopes('named.labels', parameter(scopesParameter(seenScopes())))})`;
}

/** Declares `sort`. @param orders by its words */
export function SortBy(orders: Readonly<Record<string, Order>>, description = ''): PropertyDecorator {
  return applyDecorators(
    Choice(Object.keys(orders), {
      description: `Order${description}; with - in front the other way round`,
      optional: true,
    }),
    (target: object) => Reflect.defineMetadata(ORDERS, orders, target),
  );
}

/** Orders of definitions `t`. */
export const DEFINITION_ORDERS = {
  createdAt: OLDEST_FIRST,
  '-createdAt': NEWEST_FIRST,
  ...byKey('name', 't.name', 'text'),
  ...byKey('updatedAt', microseconds('t.updated_at'), 'float8'),
};

/** Returns an order by a key, both ways. */
export function byKey(name: string, expression: string, type: 'text' | 'float8'): Record<string, Order> {
  const keys = [{ expression, type }];
  return { [name]: { name, keys }, [`-${name}`]: { name: `-${name}`, keys, isDescending: true } };
}

/** Returns the conditions of the filters in a query that are given. */
export function conditionsOf(query: object, parameter: Parameter): string[] {
  return Object.entries(filtersOf(query)).flatMap(([name, { condition, isRepeatable }]) => {
    const given = (query as Record<string, unknown>)[name] as string | string[] | undefined;
    if (given === undefined) return [];
    const times = isRepeatable ? (given as string[]) : [given as string];
    return times.map((text) => condition(text, parameter)).filter((sql) => sql !== '');
  });
}

/**
 * Returns a query with each parameter as the type of its field: numbers arrive as texts, and what may be given several
 * times arrives as a text when it is given once. Filters in JSON may have numbers and booleans.
 *
 * @throws InvalidInput naming what is given twice
 */
export function plainQuery(cls: Type<object>, given: GivenQuery, pointer = ''): Record<string, unknown> {
  const numbers = new Set(
    fieldsOf(cls).flatMap(({ name, schema }) => (schema.type === 'integer' ? [name] : [])),
  );
  const filters = filtersOf(cls.prototype as object);
  const errors: FieldError[] = [];
  const plain = Object.entries(given).map(([name, value]) => {
    const isRepeatable = Object.hasOwn(filters, name) && filters[name]!.isRepeatable;
    if (isRepeatable) return [name, [value].flat()] as const;
    if (Array.isArray(value)) {
      errors.push({
        pointer: pointer + step(name),
        detail: 'is given more than once; write alternatives with commas between them',
      });
      return [name, undefined] as const;
    }
    if (numbers.has(name)) return [name, value === '' ? NaN : Number(value)] as const;
    return [name, typeof value === 'boolean' ? String(value) : value] as const;
  });
  if (errors.length > 0) throw new InvalidInput(errors);
  return Object.fromEntries(plain);
}
