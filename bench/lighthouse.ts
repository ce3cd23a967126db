/**
 * Overview and Services as Lighthouse judges pages: what the browser measures, by Lighthouse's weights and curves, and axe.
 * Lighthouse itself wants a later Node; docs/decisions/048 says what of it is here. Fails under 95.
 *
 *     npm run bench lighthouse
 *     npm run bench lighthouse -- --services 10000 --times 5
 */
import { parseArgs } from 'node:util';
import axe from 'axe-core';
import type { BrowserContext, Page } from 'playwright-core';
import { Crowd, CROWD_OPTIONS, crowdSetting } from './crowd';
import { printTable, quantile, sleep } from './program';

/** A metric's weight, and its values that score 50 and 90: `lighthouse/core/audits`, version 13. */
interface Curve {
  weight: number;
  median: number;
  p10: number;
}

type Metric = 'fcp' | 'lcp' | 'tbt' | 'cls';

/** What Lighthouse calls a form factor. */
interface Form {
  name: string;
  viewport: { width: number; height: number };
  /** Round trip, milliseconds. */
  rttMs: number;
  kbitsASecond: number;
  cpuSlowdown: number;
  curves: Record<Metric, Curve>;
}

const SHIFT = { weight: 25, median: 0.25, p10: 0.1 };

const FORMS: readonly Form[] = [
  {
    name: 'desktop',
    viewport: { width: 1_350, height: 940 },
    rttMs: 40,
    kbitsASecond: 10_240,
    cpuSlowdown: 1,
    curves: {
      fcp: { weight: 10, median: 1_600, p10: 934 },
      lcp: { weight: 25, median: 2_400, p10: 1_200 },
      tbt: { weight: 30, median: 350, p10: 150 },
      cls: SHIFT,
    },
  },
  {
    name: 'mobile',
    viewport: { width: 412, height: 823 },
    rttMs: 150,
    kbitsASecond: 1_638,
    cpuSlowdown: 4,
    curves: {
      fcp: { weight: 10, median: 3_000, p10: 1_800 },
      lcp: { weight: 25, median: 4_000, p10: 2_500 },
      tbt: { weight: 30, median: 600, p10: 200 },
      cls: SHIFT,
    },
  },
];

const PAGES = [
  ['/', 'Overview'],
  ['/services', 'Services'],
] as const;

/** Time that a page is looked at, milliseconds: until nothing is blocked any more. */
const LOOKED_AT_MS = 6_000;
const GOAL = 95;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { ...CROWD_OPTIONS, times: { type: 'string', default: '5' } } });
  const setting = crowdSetting(values);
  const crowd = await Crowd.start(setting);
  let worst = 100;
  try {
    for (const form of FORMS)
      for (const [path, name] of PAGES) {
        const { measured, accessibility } = await judged(crowd, form, path, Number(values.times));
        const performance = scoreOf(measured, form.curves);
        // The goal is a desk's: a telephone gets the whole kit over a slow line, once.
        if (form.name === 'desktop') worst = Math.min(worst, performance, accessibility);
        printTable(`${name}, ${form.name}, ${setting.services} services, nothing cached`, [
          ['performance', performance],
          ['  first contentful paint, ms', Math.round(measured.fcp)],
          ['  largest contentful paint, ms', Math.round(measured.lcp)],
          ['  total blocking time, ms', Math.round(measured.tbt)],
          ['  cumulative layout shift', measured.cls],
          ['accessibility', accessibility],
        ]);
      }
  } finally {
    await crowd.stop();
  }
  if (worst < GOAL) {
    console.error(`\nunder ${GOAL}: ${worst}`);
    process.exitCode = 1;
  }
}

type Measured = Record<Metric, number>;

/** Opens a page several times with nothing cached; returns the medians, and what axe makes of the last. */
async function judged(crowd: Crowd, form: Form, path: string, times: number) {
  const all: Measured[] = [];
  let accessibility = 0;
  for (let n = 0; n < times; n++) {
    const context = await crowd.visitor(form.viewport);
    const page = await context.newPage();
    await slowDown(context, page, form);
    await page.addInitScript(OBSERVE);
    await page.goto(path);
    await page.locator('table.rows tbody tr').first().waitFor();
    await sleep(LOOKED_AT_MS);
    all.push(await page.evaluate<Measured>('globalThis.measured()'));
    if (n === times - 1) accessibility = await accessibilityOf(page);
    await context.close();
  }
  const median = (metric: Metric) => quantile(all.map((one) => one[metric]), 0.5); // prettier-ignore
  const measured = { fcp: median('fcp'), lcp: median('lcp'), tbt: median('tbt'), cls: median('cls') };
  return { measured, accessibility };
}

/** As Lighthouse throttles by the browser's own tools: round trips count 3.75 times, the line gives nine tenths. */
async function slowDown(context: BrowserContext, page: Page, form: Form): Promise<void> {
  const tools = await context.newCDPSession(page);
  const bytesASecond = ((form.kbitsASecond * 1_000) / 8) * 0.9;
  await tools.send('Network.enable');
  await tools.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: form.rttMs * 3.75,
    downloadThroughput: bytesASecond,
    uploadThroughput: bytesASecond,
  });
  await tools.send('Emulation.setCPUThrottlingRate', { rate: form.cpuSlowdown });
}

/** Runs in the page. Layout shifts count by the worst session window; what blocks counts from the first paint on. */
const OBSERVE = `{
  const seen = { paint: [], 'largest-contentful-paint': [], longtask: [], 'layout-shift': [] };
  for (const type of Object.keys(seen))
    new PerformanceObserver((list) => seen[type].push(...list.getEntries())).observe({ type, buffered: true });
  globalThis.measured = () => {
    const fcp = seen.paint.find(({ name }) => name === 'first-contentful-paint').startTime;
    const lcp = seen['largest-contentful-paint'].at(-1).startTime;
    let tbt = 0;
    for (const { startTime, duration } of seen.longtask)
      if (startTime + duration > fcp) tbt += Math.max(0, Math.min(duration, startTime + duration - fcp) - 50);
    let [cls, sum, began, last] = [0, 0, 0, 0];
    for (const { value, startTime, hadRecentInput } of seen['layout-shift']) {
      if (hadRecentInput) continue;
      if (startTime - last > 1000 || startTime - began > 5000) [sum, began] = [0, startTime];
      last = startTime;
      sum += value;
      cls = Math.max(cls, sum);
    }
    return { fcp, lcp, tbt, cls };
  };
}`;

/** Weighted mean of the metrics' scores, 0 to 100. */
function scoreOf(measured: Measured, curves: Record<Metric, Curve>): number {
  let [sum, weights] = [0, 0];
  for (const metric of Object.keys(curves) as Metric[]) {
    const { weight } = curves[metric];
    sum += weight * onCurve(measured[metric], curves[metric]);
    weights += weight;
  }
  return Math.round((100 * sum) / weights);
}

/** Share of a log-normal distribution that lies above a value: 0.5 at its median, 0.9 at `p10`. */
function onCurve(value: number, { median, p10 }: Curve): number {
  if (value <= 0) return 1;
  const z = (Math.log(value / median) / Math.log(median / p10)) * INVERSE_ERFC_OF_A_FIFTH;
  return Math.min(1, Math.max(0, (1 - erf(z)) / 2));
}

const INVERSE_ERFC_OF_A_FIFTH = 0.9061938024368232;

/** Error function, to 1.5e-7: Abramowitz and Stegun, 7.1.26. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

/** Share of axe's rules that the page keeps, of those that concern it, 0 to 100. */
async function accessibilityOf(page: Page): Promise<number> {
  await page.evaluate(axe.source);
  const { passes, violations } = await page.evaluate(async () => {
    const { axe: here } = globalThis as unknown as { axe: typeof import('axe-core') };
    const found = await here.run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return {
      passes: found.passes.length,
      violations: found.violations.map(({ id, help }) => `${id}: ${help}`),
    };
  });
  for (const violation of violations) console.error(violation);
  return Math.floor((100 * passes) / (passes + violations.length));
}

void main();
