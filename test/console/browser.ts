/** A real browser, as people have it: Debian's Chromium, driven by playwright-core. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { needs } from '../needs';

const CHROMIUM = '/usr/bin/chromium';

export const hasBrowser = (): boolean => needs('Chromium', existsSync(CHROMIUM), 'chromium');

export const startBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

/** A window whose pages note what goes wrong in them: errors of scripts, and what the browser's console calls an error. */
export class Window {
  readonly faults: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.on('pageerror', (error) => this.faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.faults.push(`${message.text()} ${message.location().url}`);
    });
  }

  /** @param base URL that paths are below */
  static async open(
    browser: Browser,
    base: string,
    { width = 1_280, height = 900, dark = false }: { width?: number; height?: number; dark?: boolean } = {},
  ): Promise<Window> {
    const context = await browser.newContext({
      baseURL: base,
      viewport: { width, height },
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
      timezoneId: 'Europe/Berlin',
    });
    context.setDefaultTimeout(20_000);
    return new Window(context, await context.newPage());
  }
}

/** Signs in as a person does. */
export async function signIn(page: Page, username: string, password: string): Promise<void> {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}
