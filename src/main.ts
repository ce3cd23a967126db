import { messageOf } from './common/errors';
import { standardError, surviveLostReaders } from './common/output';
import { nameSources } from './common/source-maps';
import { onUncaught } from './common/uncaught';
import { isMember, tellGroup, whenGroupIsGone } from './process-group/process-group';
import { startMember, startProgram } from './program';

/**
 * Signals that ask a program to end: from a supervisor, a terminal's keys, a terminal that closes, a limit that is
 * reached.
 */
const ENDINGS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGALRM', 'SIGXCPU'] as const;
/** Exit code after an uncaught exception: whoever started this process starts it again. */
const FAILED = 1;

/** Reads the environment, starts the roles it names, and drains when asked to stop, even during the start. */
async function main(): Promise<void> {
  nameSources();
  surviveLostReaders();
  const asked = new AbortController();
  // Heard all along: what comes twice must not cut the drain short.
  const stop = (why: string) => asked.abort(new Error(why));
  for (const signal of ENDINGS) process.on(signal, () => stop(signal));
  whenGroupIsGone(() => stop('the process that leads this group ended'));

  const { signal } = asked;
  const starting = isMember() ? startMember(signal) : startProgram(process.env, signal);
  const program = await starting.catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  let code = 0;
  if (program !== undefined) {
    onUncaught(
      (text) => program.logger.fatal(text, 'Program'),
      () => {
        if (program.isGroup) return;
        tellGroup({ uncaught: true });
        code = FAILED;
        stop('an exception that nobody caught');
      },
    );
    await aborted(signal);
    await program.stop(messageOf(signal.reason));
  }
  standardError.flush();
  process.exit(code);
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

main().catch((error: unknown) => {
  standardError.write(`monscale can't start: ${messageOf(error)}\n`);
  process.exit(1);
});
