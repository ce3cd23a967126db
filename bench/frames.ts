/**
 * The console's list of services in a browser, while all of them are polled and some change: how soon there are rows, and
 * how long a frame takes while somebody types.
 *
 *     npm run bench frames
 *     npm run bench frames -- --services 10000 --interval 10 --changes 10 --times 10
 */
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { Crowd, CROWD_OPTIONS, crowdSetting } from './crowd';
import { printTable, quantile, sleep } from './program';

const DESK = { width: 1_280, height: 900 };
const TYPED = ['copy-77', 'copy-4', 'nothing of that name', 'copy-9000'];
const KEY_EVERY_MS = 90;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { ...CROWD_OPTIONS, times: { type: 'string', default: '10' } },
  });
  const setting = crowdSetting(values);
  const times = Number(values.times);
  const crowd = await Crowd.start(setting);
  try {
    const [first, again, oftener] = await firstRows(crowd, times);
    const within = await rowsWithin(crowd, times);
    const events = await eventsASecond(crowd);
    const typing = await typed(crowd, times);
    const rows = (took: number[]) => `p50 ${ms(quantile(took, 0.5))}, worst ${ms(Math.max(...took))}`;
    printTable(
      `${setting.services} services polled every ${setting.interval} s; ${events.toFixed(1)} changes of state told a second`,
      [
        ['rows, first load, nothing cached', rows(first)],
        ['rows, loaded again, scripts cached', rows(again)],
        ['rows, loaded a third time, compiled scripts too', rows(oftener)],
        ['rows, from a click within the console', rows(within)],
        ['keys typed into the search', typing.keys],
        ['a frame while typing, p50', ms(quantile(typing.gaps, 0.5))],
        ['longest frame while typing', ms(Math.max(...typing.gaps))],
        ['frames over 50 ms', `${typing.gaps.filter((gap) => gap > 50).length} of ${typing.gaps.length}`],
        ['longest task while typing', ms(typing.task.wallMs)],
        ['  its time of the processor', ms(typing.task.cpuMs)],
      ],
    );
  } finally {
    await crowd.stop();
  }
}

const ms = (time: number): string => `${time.toFixed(0)} ms`;

/**
 * Times from the beginning of a navigation to painted rows: with nothing in the cache, with scripts in it, and with what
 * the browser compiled of them, which it keeps from the second time on.
 */
async function firstRows(
  crowd: Crowd,
  times: number,
): Promise<[first: number[], again: number[], oftener: number[]]> {
  const [first, again, oftener]: [number[], number[], number[]] = [[], [], []];
  for (let n = 0; n < times; n++) {
    const context = await crowd.visitor(DESK);
    const page = await context.newPage();
    await page.addInitScript(NOTE_ROWS);
    for (const took of [first, again, oftener]) {
      await page.goto('/services');
      took.push(await shownAt(page));
    }
    await context.close();
  }
  return [first, again, oftener];
}

/** Times from a click on "Services" to painted rows, the page of services being another each time. */
async function rowsWithin(crowd: Crowd, times: number): Promise<number[]> {
  const context = await crowd.visitor(DESK);
  const page = await context.newPage();
  const took: number[] = [];
  await page.addInitScript(NOTE_ROWS);
  for (let n = 0; n < times; n++) {
    // What was read is forgotten, what was loaded is not.
    await page.goto('/');
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await sleep(1_000);
    await page.getByRole('link', { name: 'Services', exact: true }).click();
    const at = await shownAt(page);
    took.push(at - (await page.evaluate<number>('globalThis.clickedAt')));
  }
  await context.close();
  return took;
}

async function shownAt(page: Page): Promise<number> {
  const shown = await page.waitForFunction(() => (globalThis as { rowsAt?: number }).rowsAt);
  return (await shown.jsonValue())!;
}

/** Runs in the page: notes when rows of services are painted first, and the click that led there. */
const NOTE_ROWS = `
  addEventListener('click', (event) => (globalThis.clickedAt = event.timeStamp), true);
  const look = () => {
    const isThere = document.querySelector('h1')?.textContent === 'Services' && document.querySelector('table.rows tbody tr');
    if (isThere && globalThis.rowsAt === undefined) {
      globalThis.rowsAt = 0;
      // After the frame that has them.
      requestAnimationFrame(() => setTimeout(() => (globalThis.rowsAt = performance.now())));
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
`;

async function eventsASecond(crowd: Crowd): Promise<number> {
  const context = await crowd.visitor(DESK);
  const page = await context.newPage();
  await page.goto('/services');
  const seconds = 10;
  const count = await page.evaluate<number>(`new Promise((done) => {
    let count = 0;
    const source = new EventSource('/api/v1/events');
    source.addEventListener('state', () => count++);
    setTimeout(() => { source.close(); done(count); }, ${seconds * 1_000});
  })`);
  await context.close();
  return count / seconds;
}

interface Typing {
  keys: number;
  /** Times between two frames, milliseconds. */
  gaps: number[];
  task: Task;
}

interface Task {
  wallMs: number;
  cpuMs: number;
}

/** Types into the search, rests, and clears it, over and over; the list stays live. */
async function typed(crowd: Crowd, times: number): Promise<Typing> {
  const context = await crowd.visitor(DESK);
  const page = await context.newPage();
  await page.goto('/services');
  await page.locator('table.rows tbody tr').first().waitFor();
  await sleep(2_000);
  const search = page.getByLabel('Search', { exact: true });
  await page.evaluate(NOTE_FRAMES);
  await crowd.browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline'] });
  let keys = 0;
  for (let n = 0; n < times; n++) {
    const text = TYPED[n % TYPED.length]!;
    await search.pressSequentially(text, { delay: KEY_EVERY_MS });
    await sleep(800);
    for (let left = text.length; left > 0; left--) {
      await search.press('Backspace');
      await sleep(KEY_EVERY_MS / 2);
    }
    keys += 2 * text.length;
    await sleep(800);
  }
  const task = longestTask(await crowd.browser.stopTracing());
  const gaps = await page.evaluate<number[]>('globalThis.gaps');
  await context.close();
  return { keys, gaps, task };
}

/** Runs in the page: notes how long each frame takes. */
const NOTE_FRAMES = `
  globalThis.gaps = [];
  let last;
  const frame = (at) => {
    if (last !== undefined) globalThis.gaps.push(at - last);
    last = at;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
`;

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}

/** The task of a page's main thread that took the longest of the processor: a busy machine makes all of them longer. */
function longestTask(trace: Buffer): Task {
  const { traceEvents } = JSON.parse(trace.toString('utf8')) as { traceEvents: TraceEvent[] };
  const mains = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  let longest: Task = { wallMs: 0, cpuMs: 0 };
  for (const { name, pid, tid, dur = 0, tdur = 0 } of traceEvents)
    if (/RunTask$/.test(name) && mains.has(`${pid} ${tid}`) && tdur / 1_000 > longest.cpuMs)
      longest = { wallMs: dur / 1_000, cpuMs: tdur / 1_000 };
  return longest;
}

void main();
