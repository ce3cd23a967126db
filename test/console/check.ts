/** What is looked at on every page: its heading, axe in both themes, and that a telephone has room for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import axe from 'axe-core';
import type { Locator, Page, Request } from 'playwright-core';

const DESK = { width: 1_280, height: 900 };
const TELEPHONE = { width: 360, height: 740 };
/** How long nothing is asked for once a page has loaded, and how long that is waited for. */
const QUIET_MS = 500;
const LOADS_MS = 1_500;
const LOOK_MS = 50;
const LOOKS = 3;
const BETWEEN_LOOKS_MS = 700;

/** Opens a page and returns what is wrong with it: light on a desk, dark on a telephone. */
export async function wrongWith(page: Page, path: string, name: string): Promise<string[]> {
  await wear(page, 'light');
  await loaded(page, async () => {
    await page.goto(path);
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  });
  const onDesk = await violationsAtRest(page);
  await wear(page, 'dark');
  const onTelephone = await violationsAtRest(page);
  const pixels = await tooWide(page);
  return [
    ...onDesk.map((one) => `${path} on a desk: ${one}`),
    ...onTelephone.map((one) => `${path} on a telephone: ${one}`),
    ...(pixels > 0 ? [`${path} is ${pixels} pixels too wide for a telephone`] : []),
  ];
}

/** Opens a page, and waits until it has got all it asks for. What it is told of changes by never ends, and is left aside. */
async function loaded(page: Page, open: () => Promise<void>): Promise<void> {
  const asked = new Set<Request>();
  let atMs = performance.now();
  const begin = (request: Request) => {
    if (request.resourceType() === 'eventsource') return;
    asked.add(request);
    atMs = performance.now();
  };
  const end = (request: Request) => {
    if (asked.delete(request)) atMs = performance.now();
  };
  page.on('request', begin).on('requestfinished', end).on('requestfailed', end);
  try {
    await open();
    const latestMs = performance.now() + LOADS_MS;
    const isLoading = () => asked.size > 0 || performance.now() - atMs < QUIET_MS;
    while (isLoading() && performance.now() < latestMs) await sleep(LOOK_MS);
  } finally {
    page.off('request', begin).off('requestfinished', end).off('requestfailed', end);
  }
}

/** Has the browser be a desk's, with a light theme, or a telephone's, with a dark one. */
export async function wear(page: Page, colorScheme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(colorScheme === 'light' ? DESK : TELEPHONE);
  // The page follows a moment later; one that is not open yet begins with it.
  await page
    .locator(`html:not([data-mantine-color-scheme]), html[data-mantine-color-scheme="${colorScheme}"]`)
    .waitFor({ state: 'attached' });
}

/** On how many lines the text of an element stands. */
export const linesOf = (element: Locator): Promise<number> =>
  element.evaluate((one) => {
    const range = one.ownerDocument.createRange();
    range.selectNodeContents(one);
    return new Set([...range.getClientRects()].map(({ bottom }) => Math.round(bottom))).size;
  });

/** By how many pixels a page is wider than its window. */
const tooWide = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

/** What axe finds on a page, and still finds once its colours have changed. */
async function violationsAtRest(page: Page): Promise<string[]> {
  let found = await violationsOf(page);
  for (let looks = 1; found.length > 0 && looks < LOOKS; looks++) {
    await sleep(BETWEEN_LOOKS_MS);
    found = await violationsOf(page);
  }
  return found;
}

/** What axe finds on a page as it stands. */
export async function violationsOf(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>(`'axe' in globalThis`))) await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe: here } = globalThis as unknown as { axe: typeof import('axe-core') };
    const { violations } = await here.run({
      // What is right is looked at, and not told in full.
      resultTypes: ['violations'],
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`,
    );
  });
}
