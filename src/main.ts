import 'reflect-metadata';
import { isMember } from './process-group/process-group';
import { startMember, startProgram } from './program';

/** Reads the environment, starts the roles it names, and drains when asked to stop. */
async function main(): Promise<void> {
  const program = await (isMember() ? startMember() : startProgram(process.env));
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    // Bull leaves a promise behind when Redis is away, and that must not cut the drain short.
    process.on('unhandledRejection', () => undefined);
    void program.stop(signal).then((code) => process.exit(code));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`monscale can't start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
