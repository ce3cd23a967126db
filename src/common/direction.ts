/** To whom secrets are given: what of the params decides it, and whether that has changed. */
import { isDeepStrictEqual } from 'node:util';
import type { Type } from '@nestjs/common';
import { step } from './check';
import type { FieldError } from './errors';
import { fieldsOf, type FieldOptions } from './fields';

type Params = Record<string, unknown>;

/** Does a secret, as it is given, say what is stored? */
type IsStill = (given: unknown, stored: unknown) => boolean;

/**
 * Pointers to params that decide to whom secrets are given and that are not what is stored. A param that does not say
 * that it directs nothing does: who forgets it asks too often, and gives nothing away.
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

/** Of a URL; a text that is none, or whose origin is a template, is a direction as a whole. */
function originIn(value: unknown): unknown {
  if (typeof value !== 'string' || hasTemplateInOrigin(value) || !URL.canParse(value)) return value;
  return new URL(value).origin;
}

/** Scheme, host and port, and what ends them: whatever follows can't change them. */
const PLAIN_ORIGIN = /^https?:\/\/[^/?#\\{}@\s]+[/?#]/i;

const hasTemplateInOrigin = (url: string): boolean => /\{[{%]/.test(url) && !PLAIN_ORIGIN.test(url);

const STEERED =
  'must name scheme, host and port as they are, not by a template: secrets are sent there, and whoever writes a label could say where';

/** Where templates would decide to whom the secrets of these params are given. */
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
