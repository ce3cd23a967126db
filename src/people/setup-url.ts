/** Setup URL as it is shown to the person who starts the program: by it the first user is made. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { messageOf } from '../common/errors';
import type { JsonLogger } from '../common/logger';
import { standardOutput } from '../common/output';
import type { Config } from '../config/config';

/** File in the data folder. */
const FILE = 'setup-url';

/**
 * Shows the setup URL on a terminal. Output that is none may be stored or forwarded: there the URL is written to a file
 * that only the owner can read, and the output names the file.
 *
 * @param url at which the program listens
 */
export function showSetupUrl(
  url: string,
  { publicUrl, setupToken, dataDir }: Pick<Config, 'publicUrl' | 'setupToken' | 'dataDir'>,
  logger: JsonLogger,
): void {
  const { origin } = new URL(publicUrl ?? url);
  const setupUrl = `${origin}/setup?token=${setupToken}`;
  if (isatty(1)) return say(`setup URL, good once, makes the first user: ${setupUrl}`);
  const file = join(dataDir, FILE);
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    // What another start left there may be open to others.
    rmSync(`${file}.new`, { force: true });
    writeFileSync(`${file}.new`, `${setupUrl}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    say(`setup URL, good once, makes the first user: in ${file}`);
  } catch (error) {
    logger.warn(`there is no user, and the setup URL can't be kept: ${messageOf(error)}`, 'Setup');
  }
}

const say = (line: string): void => void standardOutput.write(`  ${line}\n\n`);
