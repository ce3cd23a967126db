/** For what a source may speak, and what it adds to what it says. */
import type { SourceLimits } from '../auth/identities';
import type { FieldError } from '../common/errors';
import { own } from '../common/records';

type Labels = Record<string, string>;

/** With the labels of its source, which no sender can say otherwise. */
export const labelledBy = <A extends { labels: Labels }>(alert: A, { addLabels }: SourceLimits): A =>
  Object.keys(addLabels).length === 0 ? alert : { ...alert, labels: { ...alert.labels, ...addLabels } };

/** What its source may not say of it; undefined when there is nothing. An end ends nothing but what the source began. */
export function labelsProblem(
  alert: { labels: Labels; status: string },
  { labels }: SourceLimits,
): FieldError | undefined {
  if (alert.status === 'resolved') return undefined;
  const missing = Object.entries(labels).find(([name, text]) => own(alert.labels, name) !== text);
  if (missing === undefined) return undefined;
  const [name, text] = missing;
  return {
    pointer: '/labels',
    detail: `must have ${name} = ${JSON.stringify(text)}: its source may send no others`,
  };
}

/** The same of a service that an alert names. */
export function serviceProblem(
  service: { id: string; name: string },
  { services }: SourceLimits,
): FieldError | undefined {
  if (services === null || services.includes(service.name) || services.includes(service.id)) return undefined;
  return {
    pointer: '/service',
    detail: `its source may not speak for service ${service.name}; it may for ${services.join(', ')}`,
  };
}
