/** Commands of `npx monscale <command>`: rules as code, from the command line. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { InvalidInput, messageOf } from '../common/errors';
import { VERSION } from '../common/version';
import { Client, linesOf, Refused, type Connect } from './client';
import { addApply } from './commands/apply';
import { addExport } from './commands/export';
import { addImport } from './commands/import';
import { addInit } from './commands/init';
import { addMigrate } from './commands/migrate';
import { addPlan } from './commands/plan';
import { addRestored } from './commands/restored';
import { addResume } from './commands/resume';
import { addRotateKey } from './commands/rotate-key';
import { addSimulate } from './commands/simulate';
import { addSize } from './commands/size';
import { addStart } from './commands/start';
import { addStatus } from './commands/status';
import { addTest } from './commands/test';
import { addWhy } from './commands/why';

const COMMANDS: ((program: Command, connect: Connect, env: NodeJS.ProcessEnv, project: string) => void)[] = [
  addExport,
  addPlan,
  addImport,
  addApply,
  addWhy,
  addStatus,
  addSimulate,
  addTest,
  addSize,
  addInit,
  addRotateKey,
  addMigrate,
  addResume,
  addRestored,
  addStart,
];

const URL_BY_DEFAULT = 'http://127.0.0.1:8080';
/** Folder of package.json, as seen from `dist/src/cli`. */
const PACKAGE = join(__dirname, '..', '..', '..');
/** Folder that paths of settings count from: a checkout, or where an installed monscale is called. */
const PROJECT = existsSync(join(PACKAGE, 'src')) ? PACKAGE : process.cwd();

async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const program = new Command('monscale')
    .description('rules as code: look at, change and try the rules of a running monscale')
    .version(VERSION)
    .addOption(new Option('--url <url>', `the server (default: ${URL_BY_DEFAULT})`).env('MONSCALE_URL'))
    .option(
      '--token-file <file>',
      'file with its token (default: MONSCALE_TOKEN, MONSCALE_ADMIN_TOKEN, else what npm start keeps in its data folder)',
    )
    .option('--token <->', '- reads its token from standard input')
    .exitOverride()
    .showHelpAfterError('(--help tells more)');
  const connect: Connect = (command) => {
    const { url, ...given } = command.optsWithGlobals<{ url?: string } & GivenToken>();
    const token = givenToken(given) || env.MONSCALE_TOKEN || env.MONSCALE_ADMIN_TOKEN || keptToken(env);
    return new Client(url || URL_BY_DEFAULT, token);
  };
  for (const add of COMMANDS) add(program, connect, env, PROJECT);
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync(argv);
}

interface GivenToken {
  token?: string;
  tokenFile?: string;
}

/**
 * Returns the token from a file or the standard input.
 *
 * @throws Error when it stands on the command line, where every user of the machine can read it
 */
function givenToken({ token, tokenFile }: GivenToken): string | undefined {
  if (token !== undefined && token !== '-')
    throw new Error(
      'a token on the command line can be read by every user of this machine: set MONSCALE_TOKEN, name its file by --token-file, or give it to standard input with --token -',
    );
  if (token === undefined && tokenFile === undefined) return undefined;
  const given = readFileSync(tokenFile ?? 0, 'utf8').trim();
  if (given === '') throw new Error(`there is no token in ${tokenFile ?? 'standard input'}`);
  return given;
}

/** Returns the administrator's token that was made with the embedded servers. */
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
