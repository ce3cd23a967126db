/** A service's definition as the editor holds it: what is sent, with members of any value while they are typed. */
import { isObject, token, type JsonObject } from '../../forms/values';

export const EMPTY_SERVICE: JsonObject = { name: '', metrics: { '': {} }, condition: '' };

/** Members that are shown and not sent. */
const SHOWN = new Set(['id', 'version', 'createdAt', 'updatedAt', 'managedBy', 'state']);

/** Returns what of a stored service is its definition. */
export const definitionOf = (service: object): JsonObject =>
  Object.fromEntries(Object.entries(service).filter(([name]) => !SHOWN.has(name)));

export interface Metric {
  /** Stays the same while the metric is renamed. */
  key: number;
  name: string;
  choice: JsonObject;
}

export const metricsOf = (definition: JsonObject): Metric[] =>
  Object.entries(isObject(definition.metrics) ? definition.metrics : {}).map(([name, choice], key) => ({
    key,
    name,
    choice: isObject(choice) ? choice : {},
  }));

/** Returns the definition as it is sent: metrics by name, and nothing that was left empty. */
export function sent(definition: JsonObject, metrics: readonly Metric[]): JsonObject {
  const filled = Object.entries(definition).filter(([, value]) => value !== undefined && value !== '');
  const byName = Object.fromEntries(metrics.map(({ name, choice }) => [name, choice]));
  return { ...Object.fromEntries(filled), metrics: byName };
}

/** Names that come twice: an object can't tell the server of them. */
export const nameProblems = (metrics: readonly Metric[]): { pointer: string; detail: string }[] =>
  metrics
    .filter(({ name }, index) => metrics.findIndex((one) => one.name === name) < index)
    .map(({ name }) => ({ pointer: `/metrics/${token(name)}`, detail: 'is the name of two metrics' }));
