import type { CompiledService } from '../rules/rule-book';
import type { MetricRoles } from './frames';

/** Which metrics of a service a story tells of. */
export const metricRolesOf = ({
  reads,
  alertMetrics,
  service,
}: CompiledService): Omit<MetricRoles, 'points'> => ({
  polledMetrics: Object.keys(reads).filter((metric) => service.metrics[metric]!.type !== 'number_of_nodes'),
  alertMetrics: alertMetrics.map(({ metric }) => metric),
});

/** Metrics that show the nodes of the story. */
export const countingMetrics = ({ service }: CompiledService): string[] =>
  Object.keys(service.metrics).filter((metric) => service.metrics[metric]!.type === 'number_of_nodes');

/** Metrics that are the same number whatever the story. */
export const constants = ({ service }: CompiledService): [string, number][] =>
  Object.entries(service.metrics).flatMap(([metric, { type, params }]): [string, number][] =>
    type === 'static_count' ? [[metric, Number(params.value)]] : [],
  );

/** Metrics that may be given a series. */
export function simulatedMetrics(compiled: CompiledService): string[] {
  const { polledMetrics, alertMetrics } = metricRolesOf(compiled);
  return [...polledMetrics, ...alertMetrics, ...countingMetrics(compiled)];
}
