import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';

/** The program, as seen from `dist/src/cli/commands`. */
const PROGRAM = join(__dirname, '..', '..', 'main.js');

/** Adds `monscale start`, which becomes the program itself, with the roles and servers that the environment names. */
export function addStart(program: Command): void {
  program
    .command('start')
    .description(
      'run monscale itself: by default every role, on an embedded PostgreSQL and Redis in ./.monscale',
    )
    // In this very process, so that signals have one receiver.
    .action(() => import(pathToFileURL(PROGRAM).href));
}
