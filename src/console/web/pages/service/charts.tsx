import { Button, Group, NativeSelect, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { decisionsQuery, samplesQuery } from '../../api/queries';
import type { MetricChoice, Service } from '../../api/shapes';
import { Failure } from '../../parts/page';
import { Section } from '../../parts/section';
import { Time, useNow } from '../../parts/time';
import { bandsOf, marksOf } from './bands';
import { withGaps } from './gaps';
import { thresholdsOf } from './thresholds';

const Chart = lazy(() => import('../../parts/chart').then(({ Chart }) => ({ default: Chart })));

const HOURS = [
  { value: '1', label: '1 hour' },
  { value: '6', label: '6 hours' },
  { value: '24', label: '1 day' },
  { value: '168', label: '7 days' },
];
/** Points of a chart: about one for each pixel. */
const POINTS = 600;
const POLL_MS = 10_000;
const ROWS_AT_MOST = 200;

/** A chart for each metric, of the same time. */
export function Charts({ service }: { service: Service }) {
  const [hours, setHours] = useState('1');
  const metrics = Object.entries(service.metrics as unknown as Record<string, MetricChoice>);
  return (
    <Section
      title="Readings"
      beside={
        <NativeSelect
          aria-label="Time of the readings"
          data={HOURS}
          value={hours}
          onChange={(event) => setHours(event.currentTarget.value)}
        />
      }
    >
      <Stack>
        {metrics.map(([metric]) => (
          <MetricChart key={metric} service={service} metric={metric} hours={Number(hours)} />
        ))}
      </Stack>
    </Section>
  );
}

function MetricChart({ service, metric, hours }: { service: Service; metric: string; hours: number }) {
  const { id, intervalSeconds, condition, recovery } = service;
  const [isTable, setTable] = useState(false);
  const to = Math.floor(useNow(POLL_MS) / POLL_MS) * POLL_MS;
  const from = to - hours * 3_600_000;
  const stepSeconds = Math.ceil((hours * 3_600) / POINTS);
  const isRaw = stepSeconds <= intervalSeconds;
  const begin = new Date(from).toISOString();
  const { data, error } = useQuery({
    ...samplesQuery(id, { metric, from: begin, ...(isRaw ? {} : { stepSeconds }) }),
    placeholderData: (before) => before,
    refetchInterval: false,
  });
  const { data: decisions } = useQuery({
    ...decisionsQuery(id, begin),
    placeholderData: (before) => before,
    refetchInterval: false,
  });
  const points = data?.points ?? [];
  const last = points.at(-1);
  const name = `Readings of ${metric} over ${hours} h${last === undefined ? ', none yet' : `, the last is ${last[1]}`}`;
  return (
    <div>
      <Group justify="space-between">
        <span className="code">{metric}</span>
        <Button variant="subtle" size="compact-sm" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? 'Show as chart' : 'Show as table'}
        </Button>
      </Group>
      <Failure error={error} />
      {isTable ? (
        <PointsTable metric={metric} points={points} />
      ) : (
        <Suspense fallback={<div style={{ height: 200 }} />}>
          <Chart
            name={name}
            series={withGaps(points, isRaw ? intervalSeconds : stepSeconds)}
            from={from / 1_000}
            to={to / 1_000}
            thresholds={thresholdsOf(condition, metric)}
            recoveries={recovery ? thresholdsOf(recovery, metric) : []}
            bands={bandsOf(decisions?.items ?? [], to)}
            marks={marksOf(decisions?.items ?? [])}
          />
        </Suspense>
      )}
    </div>
  );
}

function PointsTable({ metric, points }: { metric: string; points: readonly [string, number][] }) {
  return (
    <div
      style={{ maxHeight: 320, overflow: 'auto' }}
      tabIndex={0}
      role="region"
      aria-label={`Readings of ${metric}`}
    >
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">At</th>
            <th scope="col">{metric}</th>
          </tr>
        </thead>
        <tbody>
          {points
            .slice(-ROWS_AT_MOST)
            .toReversed()
            .map(([at, value]) => (
              <tr key={at}>
                <td>
                  <Time at={at} relative={false} />
                </td>
                <td className="number">{value}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
