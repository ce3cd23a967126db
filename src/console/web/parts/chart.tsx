/** Chart of one series over time, drawn by uPlot: a chunk of its own, loaded with the first chart. */
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { zone, type Zone } from '../app/preferences';
import { useStore } from '../app/store';
import type { Band, BandKind } from '../pages/service/bands';
import type { Series } from '../pages/service/gaps';
import type { Threshold } from '../pages/service/thresholds';
import { exactly } from './time';

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
}

const HEIGHT = 200;

const BAND_COLOURS: Record<BandKind, string> = {
  hold: '--phase-pending',
  alarm: '--phase-alarm',
  wisdom: '--mantine-color-dimmed',
  unknown: '--phase-unknown',
};

export function Chart({ name, series, from, to, thresholds, recoveries, bands, marks }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme();
  const chosen = useStore(zone);
  // Drawn from what is newest, by hooks that are made once.
  const latest = useRef({ thresholds, recoveries, bands, marks, from, to });
  latest.current = { thresholds, recoveries, bands, marks, from, to };
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
          x: { range: () => [latest.current.from, latest.current.to] },
          y: { range: (_, low, high) => yRange(low, high, latest.current) },
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
            size: 64,
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
              drawMarks(chart, latest.current.marks, colour('--mantine-color-text'));
            },
          ],
        },
      },
      shownSeries.current,
      element,
    );
    plot.current = made;
    const resizing = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    resizing.observe(element);
    return () => {
      resizing.disconnect();
      made.destroy();
    };
    // Colours and zone are those of the making.
  }, [scheme, chosen]);

  useEffect(() => plot.current?.setData(series), [series, from, to, bands, marks]);

  return <div ref={place} role="img" aria-label={name} style={{ minHeight: HEIGHT, overflow: 'hidden' }} />;
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

function drawMarks(chart: uPlot, marks: readonly number[], fill: string): void {
  const { ctx, bbox } = chart;
  const size = 5 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = fill;
  for (const at of marks) {
    const x = chart.valToPos(at, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top);
    ctx.lineTo(x + size, bbox.top);
    ctx.lineTo(x, bbox.top + size * 1.6);
    ctx.fill();
  }
  ctx.restore();
}
