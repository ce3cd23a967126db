import type { Type } from '@nestjs/common';
import { validateSync, type ValidationError } from 'class-validator';
import { didYouMean } from './did-you-mean';
import { InvalidInput, type FieldError } from './errors';
import { fieldsOf, giveRules, type Field } from './fields';
import { isObject } from './json';
import { step } from './pointer';
import { put } from './records';

/** Class of fields with rules that concern several fields. Pointers in `problems` are relative to the object. */
export interface SelfChecking {
  problems?(): FieldError[];
}

export type Checked<T> = { value: T; errors: [] } | { value?: undefined; errors: FieldError[] };

/**
 * Checks outside data against a class of fields and returns it as an instance, with defaults filled in. Unknown fields
 * and missing required ones are errors. A field that is `null` counts as left out (RFC 7396). All errors are returned
 * at once.
 */
export function check<T extends object>(cls: Type<T>, plain: unknown, pointer = ''): Checked<T> {
  if (!isObject(plain)) return { errors: [{ pointer, detail: 'must be an object' }] };
  const right = rightAway(cls, plain);
  if (right !== undefined) return { value: right, errors: [] };
  const tooMuch = excess(cls, plain, pointer);
  if (tooMuch.length > 0) return { errors: tooMuch };
  const unknown = unknownFields(cls, plain, pointer);
  const value = instanceOf(cls, plain);
  const errors = [...unknown, ...wrong(cls, value, pointer), ...missing(cls, value, pointer)];
  if (errors.length === 0) {
    errors.push(...((value as SelfChecking).problems?.() ?? []).map((error) => within(pointer, error)));
  }
  return errors.length === 0 ? { value, errors: [] } : { errors };
}

/**
 * Returns the instance of data that is certainly right, as most alerts are; undefined where it takes a closer look. One
 * walk over the fields, where saying what is wrong takes five.
 */
function rightAway<T extends object>(cls: Type<T>, plain: object): T | undefined {
  const instance = new cls() as Record<string, unknown>;
  let known = 0;
  for (const { name, nested, options, schema, isRight } of fieldsOf(cls)) {
    const isGiven = Object.hasOwn(plain, name);
    if (isGiven) known++;
    const given = isGiven ? (plain as Record<string, unknown>)[name] : undefined;
    if (given === undefined || given === null) {
      if (instance[name] === undefined && !options.optional) return undefined;
      continue;
    }
    const { maxProperties = FLAT_AT_MOST } = schema as { maxProperties?: number };
    const value = typeof given === 'object' ? flatCopy(given, Math.min(maxProperties, FLAT_AT_MOST)) : given;
    if (nested !== undefined || value === undefined || !isRight(value)) return undefined;
    instance[name] = value;
  }
  if (Object.keys(plain).length !== known) return undefined;
  return ((instance as SelfChecking).problems?.() ?? []).length > 0 ? undefined : (instance as T);
}

/** Largest number of entries of an object that are looked at at once. */
const FLAT_AT_MOST = 100;

/** Returns a copy of an object of so few entries, none of which is null or an object; undefined for any other. */
function flatCopy(value: object, entriesAtMost: number): object | undefined {
  if (Array.isArray(value)) return undefined;
  const names = Object.keys(value);
  if (names.length > entriesAtMost) return undefined;
  const copy: Record<string, unknown> = {};
  for (const name of names) {
    const inner = (value as Record<string, unknown>)[name];
    if (typeof inner === 'object') return undefined;
    put(copy, name, inner);
  }
  return copy;
}

/**
 * Like `check`, but throws instead of returning errors.
 *
 * @throws InvalidInput
 */
export function checked<T extends object>(cls: Type<T>, plain: unknown, pointer = ''): T {
  const { value, errors } = check(cls, plain, pointer);
  if (value === undefined) throw new InvalidInput(errors);
  return value;
}

/**
 * Runs `work` and returns its value. The errors of an InvalidInput are added to `errors`, and the result is undefined;
 * any other error is thrown.
 */
export function collect<T>(errors: FieldError[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    errors.push(...error.errors);
    return undefined;
  }
}

export const within = (pointer: string, error: FieldError): FieldError => ({
  pointer: pointer + error.pointer,
  detail: error.detail,
});

/**
 * Runs work on a part of what was given.
 *
 * @param pointer to the part
 * @throws InvalidInput with pointers through the part; other errors as they are
 */
export async function inPart<T>(pointer: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(error.errors.map((one) => within(pointer, one)));
  }
}

export { step } from './pointer';

const MAX_FIELDS = 1_000;
/** Deepest nesting of a field's value: code that reads it, or writes it as JSON, may recurse into it. */
const MAX_DEPTH = 64;

/**
 * Returns errors about sizes above the limits. Such data is not checked further: that could find as many errors as it
 * has entries.
 */
function excess(cls: Type<object>, plain: object, pointer: string): FieldError[] {
  const count = Object.keys(plain).length;
  if (count > MAX_FIELDS)
    return [{ pointer, detail: `has ${count} fields; at most ${MAX_FIELDS} are looked at` }];
  return fieldsOf(cls).flatMap((field) => {
    const given = Object.hasOwn(plain, field.name)
      ? (plain as Record<string, unknown>)[field.name]
      : undefined;
    if (typeof given !== 'object' || given === null) return NO_ERRORS;
    const { maxItems = Infinity } = field;
    const here = () => pointer + step(field.name);
    if (Array.isArray(given) && given.length > maxItems)
      return [{ pointer: here(), detail: `has ${given.length} entries; at most ${maxItems} are allowed` }];
    const { maxProperties = Infinity } = field.schema as { maxProperties?: number };
    if (isObject(given) && Object.keys(given).length > maxProperties)
      return [{ pointer: here(), detail: `must have at most ${maxProperties} entries` }];
    if (field.nested === undefined && isDeeper(given, MAX_DEPTH))
      return [{ pointer: here(), detail: `is nested deeper than ${MAX_DEPTH}` }];
    return below(field, given, pointer, excess);
  });
}

/** Tells whether a value is nested deeper than `limit`; looks no deeper than that itself. */
const isDeeper = (value: object, limit: number): boolean =>
  limit === 0 ||
  Object.values(value).some(
    (inner: unknown) => typeof inner === 'object' && inner !== null && isDeeper(inner, limit - 1),
  );

/**
 * Returns an instance with the declared fields of `plain`, over their defaults. Values that are no nested class are
 * taken as they are, whatever names they hold.
 */
function instanceOf<T extends object>(cls: Type<T>, plain: object): T {
  const instance = new cls() as Record<string, unknown>;
  for (const { name, nested, list } of fieldsOf(cls)) {
    const given = Object.hasOwn(plain, name) ? (plain as Record<string, unknown>)[name] : undefined;
    if (given === undefined || given === null) continue;
    const one = (item: unknown) =>
      nested !== undefined && isObject(item) ? instanceOf(nested(), item) : withoutNulls(item);
    instance[name] = list && Array.isArray(given) ? given.map(one) : one(given);
  }
  return instance as T;
}

function withoutNulls(value: unknown): unknown {
  if (!isObject(value)) return value;
  const kept: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) if (inner !== null) put(kept, key, withoutNulls(inner));
  return kept;
}

/**
 * Returns the errors in declared fields. Calls the validator only if some field fails its `isRight`: a full validation
 * of correct data takes several times as long.
 */
function wrong(cls: Type<object>, value: object, pointer: string): FieldError[] {
  const given = (field: Field) => (value as Record<string, unknown>)[field.name];
  const fields = fieldsOf(cls).filter((field) => given(field) !== undefined && given(field) !== null);
  const own = fields.every((field) => field.isRight(given(field))) ? [] : broken(cls, value, pointer);
  const nested = fields.flatMap((field) => {
    if (field.nested === undefined) return NO_ERRORS;
    return [...misshapenItems(field, given(field), pointer), ...below(field, given(field), pointer, wrong)];
  });
  return [...own, ...nested];
}

/** Returns the errors of the validator. */
function broken(cls: Type<object>, value: object, pointer: string): FieldError[] {
  giveRules(cls);
  const fields = fieldsOf(cls);
  return validateSync(value, { forbidUnknownValues: false }).flatMap((error) => {
    const field = fields.find(({ name }) => name === error.property);
    return told(error, field, pointer);
  });
}

function told(
  { property, value, constraints = {} }: ValidationError,
  field: Field | undefined,
  pointer: string,
): FieldError[] {
  const here = pointer + step(property);
  const inner = field?.problemIn?.(value);
  if (inner !== undefined) return [within(here, inner)];
  return Object.values(constraints)
    .slice(0, 1)
    .map((detail) => ({ pointer: here, detail }));
}

function misshapenItems({ name, list }: Field, given: unknown, pointer: string): FieldError[] {
  if (!list || !Array.isArray(given)) return NO_ERRORS;
  return given.flatMap((item: unknown, index) =>
    isObject(item)
      ? NO_ERRORS
      : [{ pointer: pointer + step(name) + step(index), detail: 'must be an object' }],
  );
}

/**
 * Returns an error for each field that the class does not declare. Only the first few get a guess at the name that was
 * meant: guessing is slow, and a body may have tens of thousands of fields.
 */
function unknownFields(cls: Type<object>, plain: object, pointer: string): FieldError[] {
  let guesses = GUESSES_AT_MOST;
  const within = (cls: Type<object>, plain: object, pointer: string): FieldError[] => {
    const fields = fieldsOf(cls);
    return Object.entries(plain).flatMap(([name, given]: [string, unknown]) => {
      const field = fields.find((one) => one.name === name);
      if (field !== undefined) return below(field, given, pointer, within);
      const known = fields.map((one) => one.name);
      const guess = guesses-- > 0 ? didYouMean(name, known) : '';
      return [{ pointer: pointer + step(name), detail: `is not a known field${guess}` }];
    });
  };
  return within(cls, plain, pointer);
}

const GUESSES_AT_MOST = 20;

function missing(cls: Type<object>, value: object, pointer: string): FieldError[] {
  return fieldsOf(cls).flatMap((field) => {
    const given = (value as Record<string, unknown>)[field.name];
    if (given !== undefined) return below(field, given, pointer, missing);
    return field.options.optional
      ? NO_ERRORS
      : [{ pointer: pointer + step(field.name), detail: 'is required' }];
  });
}

const NO_ERRORS: FieldError[] = [];

/**
 * Asks `ask` about the nested object in a field, or about each object in a list of them.
 *
 * @param pointer of the object that has the field; extended only when something is nested, as most fields have no
 * errors
 */
function below(
  { name, nested, list }: Field,
  given: unknown,
  pointer: string,
  ask: (cls: Type<object>, value: object, pointer: string) => FieldError[],
): FieldError[] {
  if (nested === undefined) return NO_ERRORS;
  const here = pointer + step(name);
  if (!list) return isObject(given) ? ask(nested(), given, here) : NO_ERRORS;
  if (!Array.isArray(given)) return NO_ERRORS;
  return given.flatMap((item: unknown, index) =>
    isObject(item) ? ask(nested(), item, here + step(index)) : NO_ERRORS,
  );
}
