import type { Prepared } from '../rules/rule-book';
import type { Cast } from './story';

/** Which metrics of a service a story tells of. */
export const castOf = ({ reads, alertMetrics, service }: Prepared): Omit<Cast, 'points'> => ({
  polledMetrics: Object.keys(reads).filter((metric) => service.metrics[metric]!.type !== 'number_of_nodes'),
  alertMetrics: alertMetrics.map(({ metric }) => metric),
});

/** Metrics that show the nodes of the story. */
export const countingMetrics = ({ service }: Prepared): string[] =>
  Object.keys(service.metrics).filter((metric) => service.metrics[metric]!.type === 'number_of_nodes');

/** Metrics that are the same number whatever the story. */
export const constants = ({ service }: Prepared): [string, number][] =>
  Object.entries(service.metrics).flatMap(([metric, { type, params }]): [string, number][] =>
    type === 'static_count' ? [[metric, Number(params.value)]] : [],
  );

/** Metrics that may be given a series. */
export function simulatedMetrics(prepared: Prepared): string[] {
  const { polledMetrics, alertMetrics } = castOf(prepared);
  return [...polledMetrics, ...alertMetrics, ...countingMetrics(prepared)];
}
