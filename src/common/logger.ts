import { hostname } from 'node:os';
import type { LoggerService } from '@nestjs/common';
import pino from 'pino';
import { logText } from './log-text';
import { standardOutput, type Output } from './output';

/** Contexts of Nest's own start-up lines, which are logged at level `debug`. */
const FRAMEWORK = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** How lines are written: as JSON objects for programs, or as text for people. */
export type LogFormat = 'json' | 'text';

/** Logger that writes each message as one line on standard output. */
export class LineLogger implements LoggerService {
  private readonly pino: pino.Logger;

  constructor(
    level: string,
    format: LogFormat,
    bindings: Record<string, unknown>,
    output: Pick<Output, 'write'> = standardOutput,
  ) {
    const options = {
      level,
      base: { pid: process.pid, hostname: hostname(), ...bindings },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    const text = { write: (line: string) => output.write(logText(line)) };
    this.pino = pino(options, format === 'json' ? output : text);
  }

  log = (message: unknown, ...rest: unknown[]): void => this.write('info', message, rest);
  warn = (message: unknown, ...rest: unknown[]): void => this.write('warn', message, rest);
  debug = (message: unknown, ...rest: unknown[]): void => this.write('debug', message, rest);
  verbose = (message: unknown, ...rest: unknown[]): void => this.write('debug', message, rest);
  fatal = (message: unknown, ...rest: unknown[]): void => this.write('fatal', message, rest);

  error = (message: unknown, ...rest: unknown[]): void => {
    // Nest passes (message, stack, context).
    const context = rest.pop();
    this.write('error', message, rest.length > 0 ? [{ stack: rest[0] }, context] : [context]);
  };

  /** Writes a line. Nest passes the context as the last argument; objects before it are added to the line. */
  private write(level: pino.Level, message: unknown, rest: unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const context = typeof rest.at(-1) === 'string' ? (rest.at(-1) as string) : undefined;
    const facts = rest.filter((item) => typeof item === 'object' && item !== null);
    const line = Object.assign({ context }, ...facts) as object;
    if (FRAMEWORK.has(context ?? '') && level === 'info') level = 'debug';
    if (typeof message === 'object' && message !== null) this.pino[level](Object.assign(line, message));
    else this.pino[level](line, String(message));
  }
}
