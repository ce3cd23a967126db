import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { InvalidInput, type FieldError } from './errors';
import { fieldsOf, type Field } from './fields';

/** A class of fields may judge what concerns several of them; pointers are relative to the object. */
export interface SelfChecking {
  problems?(): FieldError[];
}

export type Checked<T> = { value: T; errors: [] } | { value?: undefined; errors: FieldError[] };

/**
 * Outside data as an instance of a class of fields: unknown fields refused, required ones asked for, defaults
 * filled in. A field that is `null` counts as left out (RFC 7396). Every mistake is answered at once.
 */
export function check<T extends object>(cls: Type<T>, plain: unknown, pointer = ''): Checked<T> {
  if (!isPlain(plain)) return { errors: [{ pointer, detail: 'must be an object' }] };
  const unknown = unknownFields(cls, plain, pointer);
  const value = plainToInstance(cls, withoutNulls(plain), { exposeDefaultValues: true });
  const wrong = validateSync(value, { forbidUnknownValues: false }).flatMap((error) =>
    flatten(error, pointer),
  );
  const errors = [...unknown, ...wrong, ...missing(cls, value, pointer)];
  if (errors.length === 0) {
    errors.push(...((value as SelfChecking).problems?.() ?? []).map((error) => within(pointer, error)));
  }
  return errors.length === 0 ? { value, errors: [] } : { errors };
}

/** As `check`, for those who can't go on without the value. @throws InvalidInput */
export function checked<T extends object>(cls: Type<T>, plain: unknown, pointer = ''): T {
  const { value, errors } = check(cls, plain, pointer);
  if (value === undefined) throw new InvalidInput(errors);
  return value;
}

/** Runs it; what it finds wrong joins the other mistakes, and there is no value then. */
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

/** One step of a JSON pointer (RFC 6901). */
export const step = (name: string | number): string =>
  `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;

function withoutNulls(plain: object): object {
  return Object.fromEntries(
    Object.entries(plain)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, isPlain(value) ? withoutNulls(value) : (value as unknown)]),
  );
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function flatten(error: ValidationError, pointer: string): FieldError[] {
  const here = pointer + step(error.property);
  const own = Object.values(error.constraints ?? {}).slice(0, 1);
  return [
    ...own.map((detail) => ({ pointer: here, detail })),
    ...(error.children ?? []).flatMap((child) => flatten(child, here)),
  ];
}

function unknownFields(cls: Type<object>, plain: object, pointer: string): FieldError[] {
  const known = new Map(fieldsOf(cls).map((field) => [field.name, field]));
  return Object.entries(plain).flatMap(([name, given]: [string, unknown]) => {
    const here = pointer + step(name);
    const field = known.get(name);
    if (field === undefined) return [{ pointer: here, detail: 'is not a known field' }];
    return below(field, given, here, unknownFields);
  });
}

function missing(cls: Type<object>, value: object, pointer: string): FieldError[] {
  return fieldsOf(cls).flatMap((field) => {
    const here = pointer + step(field.name);
    const given = (value as Record<string, unknown>)[field.name];
    if (given === undefined) return field.options.optional ? [] : [{ pointer: here, detail: 'is required' }];
    return below(field, given, here, missing);
  });
}

/** The same question asked of nested objects, one or a list of them. */
function below(
  { nested, list }: Field,
  given: unknown,
  pointer: string,
  ask: (cls: Type<object>, value: object, pointer: string) => FieldError[],
): FieldError[] {
  if (nested === undefined) return [];
  if (!list) return isPlain(given) ? ask(nested(), given, pointer) : [];
  if (!Array.isArray(given)) return [];
  return given.flatMap((item: unknown, index) =>
    isPlain(item) ? ask(nested(), item, pointer + step(index)) : [],
  );
}
