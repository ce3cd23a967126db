/** Setup URL as it is shown to the person who starts the program: by it the first user is made. */
import { standardOutput } from '../common/output';
import type { Config } from '../config/config';

/**
 * Prints the setup URL on one line, apart from the log. It is good once, and void as soon as there is a user.
 *
 * @param url at which the program listens
 */
export function showSetupUrl(
  url: string,
  { publicUrl, setupToken }: Pick<Config, 'publicUrl' | 'setupToken'>,
): void {
  const base = (publicUrl ?? url).replace(/\/$/, '');
  standardOutput.write(`  setup URL, good once, makes the first user: ${base}/setup?token=${setupToken}\n\n`);
}
