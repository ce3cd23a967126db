import type { Type } from '@nestjs/common';
import { check } from './check';
import { steeredDirections } from './direction';
import { InvalidInput, type FieldError } from './errors';
import { Any, Text } from './fields';
import type { MappingRegistry } from './mapping-registry';
import type { Secrets } from './secrets';

/** Choice of a mapping: its name, and its params. */
export class Choice {
  @Text({ description: 'Name of the mapping; see GET /mappings', minLength: 1, maxLength: 100 })
  type: string;

  @Any({ description: 'Params of the mapping' }, { type: 'object' })
  params: object = {};
}

export interface Chosen {
  type: string;
  params: Record<string, unknown>;
}

/** Returns what is wrong with a choice: an unknown mapping, or bad params. Pointers are below `pointer`. */
export function choiceErrors(
  registry: MappingRegistry<unknown>,
  { type, params }: Chosen,
  pointer: string,
): FieldError[] {
  const mapping = registry.find(type);
  if (mapping === undefined) return [{ pointer: `${pointer}/type`, detail: registry.unknown(type) }];
  return check(mapping.options.params, params, `${pointer}/params`).errors;
}

/**
 * Returns params as they are stored: as given, with secrets encrypted.
 *
 * @param before what is stored now; its secrets are kept only when it has the same type
 * @param changes pointers to changes outside the params that change who the secrets are sent to
 * @throws InvalidInput
 */
export function sealedParams(
  registry: MappingRegistry<unknown>,
  chosen: Chosen,
  pointer: string,
  secrets: Secrets,
  before?: Chosen,
  changes: readonly string[] = [],
) {
  const errors = choiceErrors(registry, chosen, pointer);
  if (errors.length > 0) throw new InvalidInput(errors);
  const cls = registry.get(chosen.type).options.params;
  const params = withoutNulls(chosen.params);
  const steered = steeredDirections(cls, params, `${pointer}/params`);
  if (steered.length > 0) throw new InvalidInput(steered);
  const kept = before?.type === chosen.type ? before.params : undefined;
  return secrets.seal(cls, params, `${pointer}/params`, kept, changes);
}

/**
 * Returns params with their secrets masked. A mapping that is no longer there has its params left out, since which of
 * them are secret is not known.
 */
export function maskedParams(registry: MappingRegistry<unknown>, { type, params }: Chosen, secrets: Secrets) {
  const mapping = registry.find(type);
  return mapping === undefined ? {} : secrets.mask(mapping.options.params, params);
}

/**
 * Returns stored params as the mapping takes them: defaults filled in, secrets decrypted or resolved. Files hold what
 * the last `Secrets.look` read.
 *
 * @throws InvalidInput when the stored params are no longer valid
 * @throws SecretMissing
 */
export function openedParams<P extends object>(
  cls: Type<P>,
  stored: Record<string, unknown>,
  secrets: Secrets,
) {
  const steered = steeredDirections(cls, stored);
  if (steered.length > 0) throw new InvalidInput(steered);
  const { params, texts } = secrets.open(cls, stored);
  const { value, errors } = check(cls, params);
  if (value === undefined) throw new InvalidInput(errors);
  return { params: value, texts };
}

const withoutNulls = (params: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(params).filter(([, value]) => value !== null));
