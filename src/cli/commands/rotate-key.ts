import type { Command } from 'commander';
import type { Connect } from '../client';

/** Adds `monscale rotate-key`, which encrypts stored secrets with another key. It connects to PostgreSQL itself. */
export function addRotateKey(
  program: Command,
  _connect: Connect,
  env: NodeJS.ProcessEnv,
  project: string,
): void {
  program
    .command('rotate-key')
    .description(
      'encrypt stored secrets with MONSCALE_SECRET_KEY that were encrypted with MONSCALE_SECRET_KEY_PREVIOUS; DATABASE_URL names the database, by default that of npm start',
    )
    .option('--lost', 'the old key is lost: name the definitions whose secrets have to be given again')
    .action(async ({ lost = false }: { lost?: boolean }) =>
      (await import('../rotating.js')).rotateKey(env, project, lost),
    );
}
