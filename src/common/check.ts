import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { InvalidInput, type FieldError } from './errors';
import { fieldsOf } from './fields';

/** A class of fields may judge what concerns several of them; pointers are relative to the object. */
export interface SelfChecking {
  problems?(): FieldError[];
}

export type Checked<T> = { value: T; errors: [] } | { value?: undefined; errors: FieldError[] };

/**
 * Outside data as an instance of a class of fields: unknown fields refused, required ones asked for, defaults
 * filled in. A field that is `null` counts as left out (RFC 7396).
 */
export function check<T extends object>(cls: Type<T>, plain: unknown, pointer = ''): Checked<T> {
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    return { errors: [{ pointer, detail: 'must be an object' }] };
  }
  const value = plainToInstance(cls, withoutNulls(plain), { exposeDefaultValues: true });
  const wrong = validateSync(value, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: false,
  });
  const errors = [...wrong.flatMap((error) => flatten(error, pointer)), ...missing(cls, value, pointer)];
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
  if (error.constraints?.whitelistValidation) return [{ pointer: here, detail: 'is not a known field' }];
  const own = Object.values(error.constraints ?? {}).slice(0, 1);
  return [
    ...own.map((detail) => ({ pointer: here, detail })),
    ...(error.children ?? []).flatMap((child) => flatten(child, here)),
  ];
}

function missing(cls: Type, value: object, pointer: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const { name, options, nested, list } of fieldsOf(cls)) {
    const given = (value as Record<string, unknown>)[name];
    if (given === undefined) {
      if (!options.optional) errors.push({ pointer: pointer + step(name), detail: 'is required' });
    } else if (nested && list && Array.isArray(given)) {
      given.forEach((item: unknown, index) => {
        if (isPlain(item)) errors.push(...missing(nested(), item, pointer + step(name) + step(index)));
      });
    } else if (nested && isPlain(given)) {
      errors.push(...missing(nested(), given, pointer + step(name)));
    }
  }
  return errors;
}
