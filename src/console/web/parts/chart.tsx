/** Chart of one series over time, drawn by uPlot: a chunk of its own, loaded with the first chart. */
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { zone, type Zone } from '../app/preferences';
import { useStore } from '../app/store';
import type { Band, BandKind } from '../pages/service/bands';
import { beginningOf, type Series } from '../pages/service/gaps';
import { rounded, type Threshold } from '../pages/service/thresholds';
import { exactly } from './exactly';

interface ChartProps {
  /** What it shows, for who does not see it. */
  name: string;
  series: Series;
  /** Range, seconds since 1970. */
  from: number;
  to: number;
  thresholds: readonly Threshold[];
  recoveries: readonly Threshold[];
  bands: readonly Band[];
  /** Moments of triggers. */
  marks: readonly number[];
  /** Moments of triggers that there would be no more. */
  lost?: readonly number[];
  /** A threshold was dragged to a value. */
  onDrag?: (threshold: Threshold, value: number) => void;
}

const HEIGHT = 200;

const BAND_COLOURS: Record<BandKind, string> = {
  hold: '--phase-pending',
  alarm: '--phase-alarm',
  wisdom: '--mantine-color-dimmed',
  unknown: '--phase-unknown',
};

export function Chart(props: ChartProps) {
  const { name, series, from, to, thresholds, bands, marks, lost, onDrag } = props;
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme();
  const chosen = useStore(zone);
  // Drawn from what is newest, by hooks that are made once.
  const latest = useRef(props);
  latest.current = props;
  const dragging = useRef<Dragging>(undefined);
  const plot = useRef<uPlot>(undefined);
  const shownSeries = useRef(series);
  shownSeries.current = series;

  useEffect(() => {
    const element = place.current!;
    const colour = (variable: string) => resolved(element, variable);
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { drag: { x: false, y: false } },
        tzDate: (seconds) =>
          chosen === 'utc' ? uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC') : new Date(seconds * 1_000),
        scales: {
          x: {
            range: () => {
              const { series: readings, from: begin, to: end } = latest.current;
              return [beginningOf(readings, begin, end), end];
            },
          },
          // What is dragged stays under the pointer.
          y: { range: (_, low, high) => dragging.current?.range ?? yRange(low, high, latest.current) },
        },
        axes: [
          {
            stroke: colour('--mantine-color-dimmed'),
            grid: { stroke: colour('--line'), width: 1 },
            values: (_, times) => times.map((time) => shortly(time, chosen)),
            space: 90,
          },
          {
            stroke: colour('--mantine-color-dimmed'),
            grid: { stroke: colour('--line'), width: 1 },
            // As wide as what is written there: a large number is not cut off.
            size: (_, texts) => axisWidth(texts),
          },
        ],
        series: [
          {},
          {
            stroke: colour('--mantine-color-anchor'),
            width: 1.5,
            spanGaps: false,
            points: { show: (_, __, first, last) => last - first < 60, size: 4 },
          },
        ],
        hooks: {
          drawClear: [(chart) => drawBands(chart, latest.current.bands, colour)],
          draw: [
            (chart) => {
              drawLines(chart, latest.current.thresholds, colour('--phase-alarm'), [6, 4]);
              drawLines(chart, latest.current.recoveries, colour('--phase-ok'), [2, 4]);
              drawMarks(chart, latest.current.lost ?? [], colour('--phase-alarm'), true);
              drawMarks(chart, latest.current.marks, colour('--mantine-color-text'));
            },
          ],
        },
      },
      shownSeries.current,
      element,
    );
    plot.current = made;
    if (onDrag !== undefined) dragThresholds(made, latest, dragging);
    const resizing = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    resizing.observe(element);
    return () => {
      resizing.disconnect();
      made.destroy();
    };
    // Colours and zone are those of the making.
  }, [scheme, chosen]);

  useEffect(() => plot.current?.setData(series), [series, from, to, bands, marks, lost, thresholds]);

  return <div ref={place} role="img" aria-label={name} style={{ minHeight: HEIGHT, overflow: 'hidden' }} />;
}

/** Threshold that is being dragged, and the range of the axis meanwhile. */
interface Dragging {
  threshold: Threshold;
  range: [number, number];
}

/** Pixels around a line in which it can be taken. */
const REACH = 12;

function dragThresholds(
  chart: uPlot,
  latest: { readonly current: ChartProps },
  dragging: { current: Dragging | undefined },
): void {
  const { over } = chart;
  const nearest = (y: number): Threshold | undefined =>
    latest.current.thresholds
      .map((threshold) => ({ threshold, pixels: Math.abs(chart.valToPos(threshold.value, 'y') - y) }))
      .filter(({ pixels }) => pixels <= REACH)
      .sort((a, b) => a.pixels - b.pixels)[0]?.threshold;
  over.style.touchAction = 'pan-x';
  over.addEventListener('pointerdown', (event) => {
    const threshold = nearest(event.offsetY);
    const { min, max } = chart.scales.y!;
    if (threshold === undefined || min == null || max == null) return;
    event.preventDefault();
    over.setPointerCapture(event.pointerId);
    dragging.current = { threshold, range: [min, max] };
  });
  over.addEventListener('pointermove', (event) => {
    const taken = dragging.current;
    over.style.cursor = (taken ?? nearest(event.offsetY)) === undefined ? '' : 'ns-resize';
    if (taken === undefined) return;
    const [low, high] = taken.range;
    const value = rounded(chart.posToVal(event.offsetY, 'y'), high - low);
    // The line that was taken is found again by the value it was dragged to.
    const now = latest.current.thresholds.find((one) => one.value === taken.threshold.value);
    if (now === undefined || now.value === value) return;
    taken.threshold = { ...now, value };
    latest.current.onDrag?.(now, value);
  });
  const end = () => {
    dragging.current = undefined;
    chart.setData(latest.current.series);
  };
  over.addEventListener('pointerup', end);
  over.addEventListener('pointercancel', end);
}

/** Writes a moment under the axis: the time, or the day where one begins. */
function shortly(seconds: number, chosen: Zone): string {
  const [day = '', time = ''] = exactly(seconds * 1_000, chosen).split(' ');
  return time === '00:00:00' ? day : time.replace(/:00$/, '');
}

/** Returns a colour as a canvas takes it: `light-dark()` and variables are resolved by an element alone. */
function resolved(element: HTMLElement, variable: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${variable})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function yRange(
  low: number | null,
  high: number | null,
  { thresholds, recoveries }: { thresholds: readonly Threshold[]; recoveries: readonly Threshold[] },
): [number, number] {
  const lines = [...thresholds, ...recoveries].map(({ value }) => value);
  const least = Math.min(low ?? Infinity, ...lines);
  const most = Math.max(high ?? -Infinity, ...lines);
  if (!Number.isFinite(least) || !Number.isFinite(most)) return [0, 1];
  const room = (most - least || Math.abs(most) || 1) * 0.1;
  return [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
}

function drawBands(chart: uPlot, bands: readonly Band[], colour: (variable: string) => string): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.globalAlpha = 0.16;
  for (const { from, to, kind } of bands) {
    const left = Math.max(chart.valToPos(from, 'x', true), bbox.left);
    const right = Math.min(chart.valToPos(to, 'x', true), bbox.left + bbox.width);
    if (right <= left) continue;
    ctx.fillStyle = colour(BAND_COLOURS[kind]);
    ctx.fillRect(left, bbox.top, Math.max(right - left, 1), bbox.height);
  }
  ctx.restore();
}

function drawLines(chart: uPlot, lines: readonly Threshold[], stroke: string, dash: number[]): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.fillStyle = stroke;
  ctx.lineWidth = devicePixelRatio * 1.5;
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  ctx.textAlign = 'left';
  ctx.textBaseline = 'bottom';
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  for (const { value, text } of lines) {
    const y = chart.valToPos(value, 'y', true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(text, bbox.left + 6 * devicePixelRatio, y - 2 * devicePixelRatio);
  }
  ctx.restore();
}

function drawMarks(chart: uPlot, marks: readonly number[], fill: string, isHollow = false): void {
  const { ctx, bbox } = chart;
  const size = 5 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = fill;
  ctx.strokeStyle = fill;
  for (const at of marks) {
    const x = chart.valToPos(at, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top);
    ctx.lineTo(x + size, bbox.top);
    ctx.lineTo(x, bbox.top + size * 1.6);
    ctx.closePath();
    if (isHollow) ctx.stroke();
    else ctx.fill();
  }
  ctx.restore();
}

const LETTER_PX = 7.2;

/** Width of an axis with such numbers beside it, in the font of the chart (12 px), with its ticks and gaps. */
const axisWidth = (texts: readonly (string | number | null)[] | null): number =>
  Math.max(
    64,
    Math.ceil(Math.max(0, ...(texts ?? []).map((text) => String(text ?? '').length)) * LETTER_PX) + 20,
  );
