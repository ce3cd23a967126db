import type { CompiledService } from '../rules/compiled-service';
import type { MetricRoles } from '../engine/frames';

/** Returns which metrics of a service a scenario has values for: those polled and those fed by alerts. */
export const metricRolesOf = ({
  reads,
  alertMetrics,
  service,
}: CompiledService): Omit<MetricRoles, 'points'> => ({
  polledMetrics: Object.keys(reads).filter((metric) => service.metrics[metric]!.type !== 'number_of_nodes'),
  alertMetrics: alertMetrics.map(({ metric }) => metric),
});

/** Returns the metrics that show the simulated number of nodes. */
export const countingMetrics = ({ service }: CompiledService): string[] =>
  Object.keys(service.metrics).filter((metric) => service.metrics[metric]!.type === 'number_of_nodes');

/** Returns the metrics with a constant value, which is the same in all scenarios. */
export const constants = ({ service }: CompiledService): [string, number][] =>
  Object.entries(service.metrics).flatMap(([metric, { type, params }]): [string, number][] =>
    type === 'static_count' ? [[metric, Number(params.value)]] : [],
  );

/** Returns the metrics that may be given a series. */
export function simulatedMetrics(compiled: CompiledService): string[] {
  const { polledMetrics, alertMetrics } = metricRolesOf(compiled);
  return [...polledMetrics, ...alertMetrics, ...countingMetrics(compiled)];
}
