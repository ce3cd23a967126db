import { InvalidArgumentError, type Command } from 'commander';
import type { Connect } from '../client';
import type { MigrateOptions } from '../migrating';

const WAITS_SECONDS = 300;
const LONGEST_SECONDS = 86_400;

/**
 * Adds `monscale migrate`, which brings the database to the schema of this version, or waits until another process has.
 * It connects to PostgreSQL itself.
 */
export function addMigrate(program: Command, _connect: Connect, env: NodeJS.ProcessEnv): void {
  program
    .command('migrate')
    .description('bring the database that DATABASE_URL names to the schema of this version')
    .option('--wait', 'change nothing: wait until another process has done it')
    .option(
      '--timeout <seconds>',
      'how long to wait for PostgreSQL, and for another process that migrates',
      secondsIn,
      WAITS_SECONDS,
    )
    .action(async (options: MigrateOptions) => (await import('../migrating.js')).bringUp(env, options));
}

function secondsIn(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : NaN;
  if (seconds >= 1 && seconds <= LONGEST_SECONDS) return seconds;
  throw new InvalidArgumentError(`It must be a whole number of seconds from 1 to ${LONGEST_SECONDS}.`);
}
