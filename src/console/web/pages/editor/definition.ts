/** A service's definition as the editor holds it: what is sent, with members of any value while they are typed. */
import { isObject, type JsonObject } from '../../forms/values';

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

/** Names that come twice or not at all: an object can't tell of them to the server. */
export function nameProblems(metrics: readonly Metric[]): { pointer: string; detail: string }[] {
  return metrics.flatMap(({ key, name }, index) => {
    if (name === '') return [{ pointer: variablePointer(key), detail: 'is required' }];
    if (metrics.findIndex((one) => one.name === name) < index)
      return [{ pointer: variablePointer(key), detail: 'is the name of another metric, too' }];
    return [];
  });
}

/** Place of a metric's name among the problems of the form: in what is sent it has none. */
export const variablePointer = (key: number): string => `/metrics#${key}`;
