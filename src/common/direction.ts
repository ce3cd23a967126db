/**
 * Params that secrets stand in. Some of them decide who the secrets are sent to; the functions here tell which, and
 * whether those have changed.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Type } from '@nestjs/common';
import { step } from './check';
import type { FieldError } from './errors';
import { fieldsOf, type FieldOptions } from './fields';

type Params = Record<string, unknown>;

/** Compares a secret as given with the stored one: true when they are the same. */
type IsStill = (given: unknown, stored: unknown) => boolean;

/**
 * Returns pointers to the params that decide who secrets are sent to and differ from the stored ones. A param counts
 * unless it is declared with `directs: 'nothing'`: a forgotten declaration asks for secrets again too often, but sends
 * none to strangers.
 */
export function changedDirections(
  cls: Type<object>,
  given: Params,
  stored: Params,
  isStill: IsStill,
): string[] {
  const defaults = new cls() as Params;
  return fieldsOf(cls).flatMap(({ name, options, nested, list }) => {
    if (options.directs === 'nothing') return [];
    const here = step(name);
    const now = given[name] ?? defaults[name];
    const before = stored[name] ?? defaults[name];
    if (nested && !list) {
      const inner = changedDirections(nested(), (now ?? {}) as Params, (before ?? {}) as Params, isStill);
      return inner.map((pointer) => here + pointer);
    }
    if (nested) return areSameItems(nested(), now, before, isStill) ? [] : [here];
    if (options.secret) return isStill(now, before) ? [] : [here];
    return isDeepStrictEqual(directionOf(options, now), directionOf(options, before)) ? [] : [here];
  });
}

export const hasSameDirection = (
  cls: Type<object>,
  given: Params,
  stored: Params,
  isStill: IsStill,
): boolean => changedDirections(cls, given, stored, isStill).length === 0;

function areSameItems(cls: Type<object>, given: unknown, stored: unknown, isStill: IsStill): boolean {
  const [now, before] = [(given ?? []) as Params[], (stored ?? []) as Params[]];
  return (
    now.length === before.length &&
    now.every((item, index) => hasSameDirection(cls, item, before[index]!, isStill))
  );
}

function directionOf({ directs }: FieldOptions, value: unknown): unknown {
  if (typeof directs === 'function') return directs(value);
  return directs === 'origin' ? originIn(value) : value;
}

/** Returns the origin of a URL. A text that is no URL, or has a template in its origin, is returned as a whole. */
function originIn(value: unknown): unknown {
  if (typeof value !== 'string' || hasTemplateInOrigin(value) || !URL.canParse(value)) return value;
  return new URL(value).origin;
}

/**
 * Scheme, host and port without a template, and the character that ends them, so that nothing after it can change them.
 */
const PLAIN_ORIGIN = /^https?:\/\/[^/?#\\{}@\s]+[/?#]/i;

const hasTemplateInOrigin = (url: string): boolean => /\{[{%]/.test(url) && !PLAIN_ORIGIN.test(url);

const STEERED =
  'must name scheme, host and port as they are, not by a template: secrets are sent there, and whoever writes a label could say where';

/**
 * Returns errors for URLs whose origin is made by a template, if the params hold secrets: the template would decide who
 * gets them.
 */
export function steeredDirections(cls: Type<object>, params: Params, pointer = ''): FieldError[] {
  return holdsSecrets(cls, params) ? steered(cls, params, pointer) : [];
}

function steered(cls: Type<object>, params: Params, pointer: string): FieldError[] {
  return fieldsOf(cls).flatMap(({ name, options, nested, list }) => {
    const value = params[name];
    const here = pointer + step(name);
    if (value === undefined || value === null) return [];
    if (nested && list)
      return (value as Params[]).flatMap((item, index) => steered(nested(), item, here + step(index)));
    if (nested) return steered(nested(), value as Params, here);
    const isSteered =
      options.directs === 'origin' &&
      options.template !== undefined &&
      typeof value === 'string' &&
      hasTemplateInOrigin(value);
    return isSteered ? [{ pointer: here, detail: STEERED }] : [];
  });
}

function holdsSecrets(cls: Type<object>, params: Params): boolean {
  return fieldsOf(cls).some(({ name, options, nested, list }) => {
    const value = params[name];
    if (value === undefined || value === null) return false;
    if (options.secret) return true;
    if (nested === undefined) return false;
    const items = (list ? value : [value]) as Params[];
    return items.some((item) => holdsSecrets(nested(), item));
  });
}
