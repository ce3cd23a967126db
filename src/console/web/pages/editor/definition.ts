/** A service's definition as the editor holds it: what is sent, with members of any value while they are typed. */
import { filled } from '../../forms/definition-form';
import { isObject, token, type JsonObject } from '../../forms/values';

export const EMPTY_SERVICE: JsonObject = { name: '', metrics: { '': {} }, condition: '' };

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
  const byName = Object.fromEntries(metrics.map(({ name, choice }) => [name, choice]));
  return { ...filled(definition), metrics: byName };
}

/** Names that come twice: an object can't tell the server of them. */
export const nameProblems = (metrics: readonly Metric[]): { pointer: string; detail: string }[] =>
  metrics
    .filter(({ name }, index) => metrics.findIndex((one) => one.name === name) < index)
    .map(({ name }) => ({ pointer: `/metrics/${token(name)}`, detail: 'is the name of two metrics' }));
