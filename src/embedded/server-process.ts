/**
 * Shared parts of the embedded servers. They outlive a program that is killed, so a start first looks for one that still
 * runs. Every wait has a limit.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../common/errors';
import { telemetry } from '../common/telemetry';
import { heard } from '../common/heard';

/** Time limit of a server's start, milliseconds. */
const START_MS = 60_000;
/**
 * Time for which starting is retried, milliseconds: processes of a killed server take a moment to end, and until then a
 * new one refuses to start.
 */
const RETRY_MS = 5_000;
/** Time for a server to end by itself, unless less is left, milliseconds. */
const STOP_MS = 20_000;
const KILL_MS = 5_000;
/** Time for a server to end when its start is cancelled, milliseconds. */
const BREAK_OFF_MS = 5_000;
/** Size of a log beyond which a start begins a new one, bytes. */
const LOG_BYTES = 10_000_000;
/** Interval at which a running server is checked, milliseconds. */
const WATCH_MS = 250;
/**
 * Pauses before a server that ended is started again, milliseconds: none at first, then doubled while it keeps ending
 * soon.
 */
const AGAIN_MS = { first: 500, most: 30_000, steady: 60_000 };

/** Signal of a start that nobody cancels. */
export const NEVER = new AbortController().signal;

export interface StartOptions {
  /** True when the ports noted in the folder are another folder's. */
  isCopy?: boolean;
  /** Signal that cancels the start. */
  signal?: AbortSignal;
}

export type Say = (line: string) => void;

export interface RunningServer {
  url: string;
  /**
   * Stops the server.
   *
   * @param limitMs time to end by itself, milliseconds
   */
  stop(limitMs?: number): Promise<void>;
}

/** Server program, as far as this file must know it. */
export interface ServerProgram {
  name: string;
  /** Folder of its data, and its working directory. */
  folder: string;
  logFile: string;
  stopSignal: NodeJS.Signals;
  /** Returns the pid that it has noted. After a crash, or in a copied folder, another program may have that pid. */
  notedPid(): number | undefined;
  /** Tells servers of this kind from other programs. */
  isNamedIn(commandLine: string): boolean;
  /** Returns the data folder that a command line names; for processes whose working directory we may not read. */
  folderIn?(commandLine: string): string | undefined;
  /**
   * Starts the process.
   *
   * @param isAgain whether it ran before: its users know its port, so it must be the same
   */
  launch(isAgain: boolean): Promise<ChildProcess>;
  /** Tells whether it accepts connections; throws when it never will. */
  isReady(): Promise<boolean>;
}

/**
 * Server that is kept running. It is up when `start` resolves; whenever it ends by itself it is started again on the
 * same port, until `stop` is called.
 */
export class KeptServer {
  private readonly stopping = new AbortController();
  private readonly watching: Promise<void>;

  private constructor(
    private readonly server: ServerProgram,
    private readonly say: Say,
    private pid: number,
  ) {
    this.watching = this.watch();
  }

  /**
   * Starts the server.
   *
   * @throws Error with the end of its log when it does not come up; when the signal aborts
   */
  static async start(server: ServerProgram, say: Say, signal: AbortSignal): Promise<KeptServer> {
    return new KeptServer(server, say, await bringUp(server, say, signal, false));
  }

  async stop(limitMs = STOP_MS): Promise<void> {
    this.stopping.abort(new Error('the program stops'));
    await this.watching;
    await bringDown(this.server, this.pid, limitMs);
  }

  private async watch(): Promise<void> {
    const { signal } = this.stopping;
    let pauseMs = 0;
    let upAt = performance.now();
    let countedPid: number | undefined;
    while (await pause(WATCH_MS, signal)) {
      if (isAlive(this.server, this.pid)) continue;
      const { name } = this.server;
      // A start that fails is tried again; the server ended once.
      if (countedPid !== this.pid) {
        countedPid = this.pid;
        telemetry.embeddedRestarts.inc({ server: name.toLowerCase() });
        this.say(`${name}: process ${this.pid} ended; it is started again`);
      }
      if (performance.now() - upAt > AGAIN_MS.steady) pauseMs = 0;
      if (pauseMs > 0 && !(await pause(pauseMs, signal))) return;
      pauseMs = Math.min(AGAIN_MS.most, pauseMs * 2 || AGAIN_MS.first);
      try {
        this.pid = await bringUp(this.server, this.say, signal, true);
        upAt = performance.now();
        this.say(`${name}: process ${this.pid} runs`);
      } catch (error) {
        if (!signal.aborted) this.say(messageOf(error));
      }
    }
  }
}

/**
 * Waits for some time.
 *
 * @returns false when the signal aborted meanwhile
 */
const pause = (ms: number, signal: AbortSignal): Promise<boolean> =>
  sleep(ms, true, { signal, ref: false }).catch(() => false);

/**
 * Returns the server's pid once it accepts connections, be it one that was left running or a new one.
 *
 * @throws with the end of its log when it is not ready in 60 s, or keeps ending for 5 s; when the signal aborts, after
 * the server is gone
 */
async function bringUp(
  server: ServerProgram,
  say: Say,
  signal: AbortSignal,
  isAgain: boolean,
): Promise<number> {
  const orphan = livingPid(server);
  if (orphan) say(`${server.name}: taking over process ${orphan}, left by a program that was killed`);

  const begin = performance.now();
  const waitedMs = () => performance.now() - begin;
  let child: ChildProcess | undefined;
  try {
    while (waitedMs() < START_MS) {
      signal.throwIfAborted();
      const pid = livingPid(server);
      if (pid && (await server.isReady())) return pid;
      if (!pid && (!child || hasEnded(child))) {
        if (child && waitedMs() > RETRY_MS) break;
        if (child) await sleep(250);
        child = await server.launch(isAgain);
      }
      await sleep(20);
    }
    const seconds = Math.round(waitedMs() / 1000);
    throw new Error(`no success in ${seconds} s; the end of ${server.logFile}:\n${tail(server.logFile)}`);
  } catch (cause) {
    const found = livingPid(server);
    if (found && signal.aborted) await bringDown(server, found, BREAK_OFF_MS);
    if (child && !hasEnded(child)) child.kill('SIGKILL');
    throw new Error(`cannot start ${server.name}${found ? ` (process ${found})` : ''}`, { cause });
  }
}

/** Stops the server: by its own signal, and after a while by SIGKILL. Resolves when it is gone. */
async function bringDown(server: ServerProgram, pid: number, limitMs: number): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [
    [server.stopSignal, limitMs],
    ['SIGKILL', KILL_MS],
  ];
  for (const [signal, limitMs] of steps) {
    const begin = performance.now();
    if (isAlive(server, pid)) process.kill(pid, signal);
    while (performance.now() - begin < limitMs) {
      const isGone = !isAlive(server, pid);
      await sleep(10); // also when it is gone: Node gets to collect its dead child
      if (isGone) return;
    }
  }
  throw new Error(`${server.name} (process ${pid}) does not end`);
}

/** Returns the server's pid, if it runs. */
function livingPid(server: ServerProgram): number | undefined {
  const pid = server.notedPid();
  return pid && isAlive(server, pid) ? pid : undefined;
}

/** Starts a process that neither Ctrl-C nor the end of this program reaches, and that inherits no secrets. */
export async function spawnServer(
  [command = '', ...args]: string[],
  logFile: string,
  options: { cwd: string; env?: NodeJS.ProcessEnv; uid?: number; gid?: number },
): Promise<ChildProcess> {
  const isLong = existsSync(logFile) && statSync(logFile).size > LOG_BYTES;
  const log = openSync(logFile, isLong ? 'w' : 'a', 0o600);
  try {
    const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC', ...options.env };
    const child = heard(
      spawn(command, args, { ...options, env, detached: true, stdio: ['ignore', log, log] }),
    );
    await once(child, 'spawn');
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** Returns a free port of 127.0.0.1: the wished one if it is free. */
export async function freePort(wished = 0): Promise<number> {
  const probe = heard(createServer()).listen(wished, '127.0.0.1');
  try {
    await once(probe, 'listening');
    return (probe.address() as AddressInfo).port;
  } catch (error) {
    if (wished === 0) throw error;
    return await freePort();
  } finally {
    probe.close();
  }
}

/**
 * Returns the port for a start.
 *
 * @param isAgain whether it must be the noted one
 * @throws Error when it must be that and another program has it
 */
export async function portFor(noted: number | undefined, isAgain: boolean): Promise<number> {
  const port = await freePort(noted);
  if (isAgain && port !== noted) throw new Error(`port ${noted} was taken by another program`);
  return port;
}

/** Returns the whole number at the start of a small file, such as a pid file. */
export function numberIn(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const number = parseInt(readFileSync(file, 'utf8'), 10);
  return number > 0 ? number : undefined;
}

/**
 * Tells whether two paths lead to the same folder, by whatever links and names.
 *
 * @throws Error when one leads nowhere
 */
export function isSameFolder(one: string, other: string): boolean {
  const [a, b] = [statSync(one), statSync(other)];
  return a.dev === b.dev && a.ino === b.ino;
}

/**
 * Tells whether a process is this very server: one of its kind that works in this folder. The pid alone proves nothing:
 * in a copied folder it is that of the original's server, and later of any program.
 */
function isAlive(server: ServerProgram, pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Without /proc the pid has to do, and what the server says of itself once it is asked.
    if (process.platform !== 'linux') return true;
    // The command line of a dead process nobody has waited for is empty.
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return server.isNamedIn(commandLine) && worksInItsFolder(server, pid, commandLine);
  } catch {
    return false;
  }
}

function worksInItsFolder(server: ServerProgram, pid: number, commandLine: string): boolean {
  try {
    return isSameFolder(`/proc/${pid}/cwd`, server.folder);
  } catch {
    // Root in a container may not look at processes of others, though it has started them.
    const named = server.folderIn?.(commandLine);
    return named !== undefined && (!existsSync(named) || isSameFolder(named, server.folder));
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}
