/**
 * What the embedded servers have in common. They outlive a program that is killed, so a start first looks for
 * one that still runs. Every wait has an end.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const START_MS = 60_000;
/** Processes of a server that was killed take a moment to leave, and until then a new one refuses to start. */
const RETRY_MS = 5_000;
/** Together they stay below the 30 s a program is given to end. */
const STOP_MS = 20_000;
const KILL_MS = 5_000;
/** A start begins a new log beyond this. */
const LOG_BYTES = 10_000_000;

export type Say = (line: string) => void;

export interface RunningServer {
  url: string;
  stop(): Promise<void>;
}

/** A server as this file needs to know it. */
export interface ServerProgram {
  name: string;
  logFile: string;
  stopSignal: NodeJS.Signals;
  /** The pid it has noted. After a crash that number may be another program's. */
  notedPid(): number | undefined;
  /** Tells it from that other program. */
  isNamedIn(commandLine: string): boolean;
  launch(): Promise<ChildProcess>;
  /** Whether it takes connections. Throws when it never will. */
  isReady(): Promise<boolean>;
}

/**
 * Returns the server's pid once it takes connections, be it one that was left running or a new one.
 * @throws with the end of its log when it is not ready in 60 s, or keeps ending for 5 s.
 */
export async function bringUp(server: ServerProgram, say: Say): Promise<number> {
  const orphan = livingPid(server);
  if (orphan) say(`${server.name}: taking over process ${orphan}, left by a program that was killed`);

  const begin = performance.now();
  const waitedMs = () => performance.now() - begin;
  let child: ChildProcess | undefined;
  try {
    while (waitedMs() < START_MS) {
      const pid = livingPid(server);
      if (pid && (await server.isReady())) return pid;
      if (!pid && (!child || hasEnded(child))) {
        if (child && waitedMs() > RETRY_MS) break;
        if (child) await sleep(250);
        child = await server.launch();
      }
      await sleep(20);
    }
    const seconds = Math.round(waitedMs() / 1000);
    throw new Error(`no success in ${seconds} s; the end of ${server.logFile}:\n${tail(server.logFile)}`);
  } catch (cause) {
    const found = livingPid(server);
    if (child && !hasEnded(child)) child.kill('SIGKILL');
    throw new Error(`cannot start ${server.name}${found ? ` (process ${found})` : ''}`, { cause });
  }
}

/** Ends the server: politely, and after 20 s by force. Returns when it is gone. */
export async function bringDown(server: ServerProgram, pid: number): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [
    [server.stopSignal, STOP_MS],
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

/** The server's process, if it runs. */
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
    const child = spawn(command, args, { ...options, env, detached: true, stdio: ['ignore', log, log] });
    await once(child, 'spawn');
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** A free port of 127.0.0.1: the wished one if nobody has it. */
export async function freePort(wished = 0): Promise<number> {
  const probe = createServer().listen(wished, '127.0.0.1');
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

/** The whole number at the start of a small file, such as a pid file. */
export function numberIn(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const number = parseInt(readFileSync(file, 'utf8'), 10);
  return number > 0 ? number : undefined;
}

function isAlive(server: ServerProgram, pid: number): boolean {
  try {
    process.kill(pid, 0);
    // The command line of a dead process nobody has waited for is empty. Without /proc the pid has to do.
    return process.platform !== 'linux' || server.isNamedIn(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  } catch {
    return false;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}
