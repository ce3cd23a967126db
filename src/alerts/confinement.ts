/** Limits of a source: for what it may speak, and which labels are added to its alerts. */
import type { SourceLimits } from '../auth/identities';
import { isWithin } from '../common/caller';
import type { FieldError } from '../common/errors';
import { own } from '../common/records';

type Labels = Record<string, string>;

/** Adds the labels of the source, which override those of the sender. */
export const labelledBy = <A extends { labels: Labels }>(alert: A, { addLabels }: SourceLimits): A =>
  Object.keys(addLabels).length === 0 ? alert : { ...alert, labels: { ...alert.labels, ...addLabels } };

/**
 * Returns the error of labels that the source may not send; undefined when there is none. Ends pass: they end nothing
 * but what the source began.
 */
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

/** Returns the error of a service that the source may not speak for; undefined when there is none. */
export function serviceProblem(
  service: { id: string; name: string },
  { services }: Pick<SourceLimits, 'services'>,
): FieldError | undefined {
  if (services === null || services.includes(service.name) || services.includes(service.id)) return undefined;
  return {
    pointer: '/service',
    detail: `its source may not speak for service ${service.name}; it may for ${services.join(', ')}`,
  };
}

/** Tells whether a sender with a scope may speak for a service; to all others it is as if there were none. */
export const reaches = ({ labels }: { labels: Labels }, { scopes }: SourceLimits): boolean =>
  scopes === undefined || isWithin(labels, scopes);

/** Returns the error of an alert of a sender with a scope that names no service: it might feed any. */
export function unnamedProblem(
  { service, status }: { service?: string; status: string },
  { scopes }: SourceLimits,
): FieldError | undefined {
  if (scopes === undefined || service !== undefined || status === 'resolved') return undefined;
  return { pointer: '/service', detail: 'is required of a sender whose rights have a scope' };
}
