/** The live backtest: what the rule would have done over some days, as it is saved and as it is being edited. */
import { NativeSelect, Stack } from '@mantine/core';
import { lazy, Suspense, useMemo, useState } from 'react';
import type { Replayed } from '../../backtest/replay';
import { NumberField } from '../../forms/number-field';
import { isObject, type JsonObject } from '../../forms/values';
import { Waiting } from '../../parts/page';
import { Section } from '../../parts/section';
import { lasting, Time } from '../../parts/time';
import { kindOf, type Band } from '../service/bands';
import { withGaps } from '../service/gaps';
import { thresholdsOf, withThreshold, type Threshold } from '../service/thresholds';
import { useBacktest, type Backtested } from './backtest-state';

const Chart = lazy(() => import('../../parts/chart').then(({ Chart }) => ({ default: Chart })));

const DAYS = ['1', '7', '30'].map((value) => ({ value, label: value === '1' ? '1 day' : `${value} days` }));
const LISTED = 10;

interface BacktestProps {
  /** Id of the service whose readings are replayed. */
  id: string;
  saved: JsonObject;
  edited: JsonObject;
  onCondition: (condition: string) => void;
}

export function Backtest({ id, saved, edited, onCondition }: BacktestProps) {
  const [days, setDays] = useState('1');
  const backtested = useBacktest(id, saved, edited, Number(days));
  const { saved: before, edited: after, error, isByServer } = backtested;
  return (
    <Section
      title="Backtest"
      beside={
        <NativeSelect
          aria-label="Days of the backtest"
          data={DAYS}
          value={days}
          onChange={(event) => setDays(event.currentTarget.value)}
        />
      }
    >
      <Stack gap="sm">
        {error === undefined ? null : <p className="problem">{error}</p>}
        {after === undefined && before === undefined && error === undefined ? <Waiting /> : null}
        <Sums before={before} after={after} />
        {before === undefined || after === undefined ? null : <Differences before={before} after={after} />}
        {isByServer ? (
          <p className="hint">
            The server replays this rule: it needs more than readings, or there are too many of them to send.
          </p>
        ) : (
          <Lines backtested={backtested} edited={edited} onCondition={onCondition} />
        )}
      </Stack>
    </Section>
  );
}

const triggersWords = (count: number): string => `${count} ${count === 1 ? 'trigger' : 'triggers'}`;

const Sums = ({ before, after }: { before: Replayed | undefined; after: Replayed | undefined }) => (
  <table className="rows">
    <thead>
      <tr>
        <th scope="col">Rule</th>
        <th scope="col">Triggers</th>
        <th scope="col">In alarm</th>
        <th scope="col">Blind</th>
        <th scope="col">Changes of phase</th>
      </tr>
    </thead>
    <tbody>
      <SumsRow name="Saved" replayed={before} />
      <SumsRow name="Edited" replayed={after} />
    </tbody>
  </table>
);

function SumsRow({ name, replayed }: { name: string; replayed: Replayed | undefined }) {
  const sums = replayed?.summary;
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="number">{sums === undefined ? '–' : triggersWords(sums.triggers)}</td>
      <td className="number" data-column="In alarm">
        {sums === undefined ? '–' : lasting(sums.secondsInAlarm)}
      </td>
      <td className="number" data-column="Blind">
        {sums === undefined ? '–' : lasting(sums.secondsMissing)}
      </td>
      <td className="number" data-column="Changes of phase">
        {sums === undefined ? '–' : sums.transitions}
      </td>
    </tr>
  );
}

function Differences({ before, after }: { before: Replayed; after: Replayed }) {
  const gained = without(after.triggers, before.triggers);
  const lost = without(before.triggers, after.triggers);
  return (
    <>
      <p className="text" role="status">
        {gained.length === 0 && lost.length === 0
          ? 'Both trigger at the same moments.'
          : `${gained.length} gained, ${lost.length} lost.`}
      </p>
      {gained.length + lost.length === 0 ? null : (
        <details className="fold">
          <summary>When</summary>
          <Moments title="Gained" moments={gained} />
          <Moments title="Lost" moments={lost} />
        </details>
      )}
    </>
  );
}

const without = (some: readonly number[], others: readonly number[]): number[] => {
  const known = new Set(others);
  return some.filter((at) => !known.has(at));
};

const Moments = ({ title, moments }: { title: string; moments: readonly number[] }) =>
  moments.length === 0 ? null : (
    <>
      <b>{title}</b>
      <ul className="plain">
        {moments.slice(-LISTED).map((at) => (
          <li key={at}>
            <Time at={at} relative={false} />
          </li>
        ))}
        {moments.length > LISTED ? <li>and {moments.length - LISTED} before</li> : null}
      </ul>
    </>
  );

interface LinesProps {
  backtested: Backtested;
  edited: JsonObject;
  onCondition: (condition: string) => void;
}

/** A chart for each metric; its thresholds can be dragged, and typed. */
function Lines({
  backtested: { recording, saved, edited: after, from, to },
  edited,
  onCondition,
}: LinesProps) {
  const condition = typeof edited.condition === 'string' ? edited.condition : '';
  const recovery = typeof edited.recovery === 'string' ? edited.recovery : '';
  const everySeconds = typeof edited.intervalSeconds === 'number' ? edited.intervalSeconds : 30;
  const metrics = Object.keys(isObject(edited.metrics) ? edited.metrics : {});
  const bands = useMemo(() => bandsOf(after), [after]);
  const marks = useMemo(() => (after?.triggers ?? []).map(seconds), [after]);
  const lost = useMemo(
    () => without(saved?.triggers ?? [], after?.triggers ?? []).map(seconds),
    [saved, after],
  );
  const move = (threshold: Threshold, value: number) =>
    onCondition(withThreshold(condition, threshold, value));
  return metrics.map((metric) => {
    const read = recording?.series[metric];
    if (read === undefined) return null;
    return (
      <MetricLine
        key={metric}
        metric={metric}
        read={read}
        everySeconds={everySeconds}
        thresholds={thresholdsOf(condition, metric)}
        chart={{
          from: from / 1_000,
          to: to / 1_000,
          recoveries: thresholdsOf(recovery, metric),
          bands,
          marks,
          lost,
        }}
        onMove={move}
      />
    );
  });
}

interface MetricLineProps {
  metric: string;
  read: { times: Float64Array; values: Float64Array };
  everySeconds: number;
  thresholds: Threshold[];
  chart: {
    from: number;
    to: number;
    recoveries: Threshold[];
    bands: Band[];
    marks: number[];
    lost: number[];
  };
  onMove: (threshold: Threshold, value: number) => void;
}

function MetricLine({ metric, read, everySeconds, thresholds, chart, onMove }: MetricLineProps) {
  const series = useMemo(
    () =>
      withGaps(
        Array.from(read.times, (at, index) => [at, read.values[index]!] as const),
        everySeconds,
      ),
    [read, everySeconds],
  );
  return (
    <div>
      <span className="code">{metric}</span>
      <Suspense fallback={<div style={{ height: 200 }} />}>
        <Chart
          {...chart}
          name={`Readings of ${metric}, with what the edited rule would have done`}
          series={series}
          thresholds={thresholds}
          onDrag={onMove}
        />
      </Suspense>
      {thresholds.map((threshold, index) => (
        <NumberField
          key={index}
          label={`Threshold of ${metric}${thresholds.length > 1 ? `, ${index + 1}` : ''}`}
          description="Drag its line, or type it"
          value={threshold.value}
          onChange={(value) => (typeof value === 'number' ? onMove(threshold, value) : undefined)}
        />
      ))}
    </div>
  );
}

const seconds = (at: number): number => at / 1_000;

function bandsOf(replayed: Replayed | undefined): Band[] {
  return (replayed?.intervals ?? []).flatMap(({ from, to, phase, reason }) => {
    const kind = kindOf({ phase, reason });
    return kind === undefined ? [] : [{ kind, from: from / 1_000, to: to / 1_000 }];
  });
}
