import type { Command } from 'commander';
import type { Connect } from '../client';

/**
 * Adds `monscale restored`, by which a person says that the database was restored, where nothing in it can show that: a
 * snapshot of a disk, or a recovery to a point in time. It connects to PostgreSQL itself.
 */
export function addRestored(program: Command, _connect: Connect, env: NodeJS.ProcessEnv): void {
  program
    .command('restored')
    .description(
      'say that the database that DATABASE_URL names was restored from a snapshot, before anything is started on it: what was open in it is held until monscale resume',
    )
    .action(async () => (await import('../restoring.js')).noteRestored(env));
}
