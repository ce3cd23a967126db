/** `npx monscale <command>`: rules as code, from the command line. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { InvalidInput, messageOf } from '../common/errors';
import { Client, linesOf, Refused, type Connect } from './client';
import { addExport } from './commands/export';
import { addImport } from './commands/import';
import { addInit } from './commands/init';
import { addPlan } from './commands/plan';
import { addSimulate } from './commands/simulate';
import { addTest } from './commands/test';
import { addWhy } from './commands/why';

const COMMANDS: ((program: Command, connect: Connect) => void)[] = [
  addExport,
  addPlan,
  addImport,
  addWhy,
  addSimulate,
  addTest,
  addInit,
];

const URL_BY_DEFAULT = 'http://127.0.0.1:8080';
/** The folder of package.json, as seen from `dist/src/cli`. */
const PROJECT = join(__dirname, '..', '..', '..');

async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const program = new Command('monscale')
    .description('rules as code: look at, change and try the rules of a running monscale')
    .addOption(new Option('--url <url>', `the server (default: ${URL_BY_DEFAULT})`).env('MONSCALE_URL'))
    .addOption(
      new Option(
        '--token <token>',
        'its token (default: MONSCALE_ADMIN_TOKEN, else what npm start keeps in its data folder)',
      ).env('MONSCALE_TOKEN'),
    )
    .exitOverride()
    .showHelpAfterError('(--help tells more)');
  const connect: Connect = (command) => {
    const { url, token } = command.optsWithGlobals<{ url?: string; token?: string }>();
    return new Client(url || URL_BY_DEFAULT, token || env.MONSCALE_ADMIN_TOKEN || keptToken(env));
  };
  for (const add of COMMANDS) add(program, connect);
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync(argv);
}

/** The administrator's token that was made with the embedded servers. */
function keptToken(env: NodeJS.ProcessEnv): string | undefined {
  const folder = resolve(PROJECT, env.MONSCALE_DATA_DIR || '.monscale');
  try {
    return readFileSync(join(folder, 'admin-token'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

main(process.argv, process.env).catch((error: unknown) => {
  process.exitCode = 1;
  if (error instanceof CommanderError) {
    // It has said what is wrong, or has shown the help that was asked for.
    process.exitCode = error.exitCode;
    return;
  }
  for (const line of problems(error)) console.error(`monscale: ${line}`);
});

function problems(error: unknown): string[] {
  if (error instanceof Refused) return error.lines;
  if (error instanceof InvalidInput) return linesOf(error.errors);
  return [messageOf(error)];
}
