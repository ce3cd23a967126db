import { randomBytes } from 'node:crypto';
import { isatty } from 'node:tty';
import type { Started } from './app';
import { closest } from './common/did-you-mean';
import { messageOf } from './common/errors';
import { LineLogger } from './common/logger';
import { standardOutput } from './common/output';
import { readConfig, type Config } from './config/config';
import { KNOWN_SUFFIXES } from './config/variables';
import type { EmbeddedServers } from './embedded/embedded-servers';
import { showSetupUrl } from './people/setup-url';
import { groupSize, memberConfig, mayListen, ProcessGroup, tellGroup } from './process-group/process-group';
import { unlessAborted } from './common/unless-aborted';

/** Time from the request to stop until everything must be over, milliseconds. */
const STOP_MS = 28_000;
/** Least part of it that embedded servers get to end by themselves, milliseconds. */
const SERVERS_MS = 6_000;

export interface Program {
  /** URL at which it answers HTTP. */
  url: string;
  config: Config;
  logger: LineLogger;
  /** True when it has no role itself and starts again the processes that do: an uncaught exception does not end it. */
  isGroup: boolean;
  /**
   * Drains, then stops the embedded servers. Work that was not drained is taken up by other processes, or at the next
   * start.
   */
  stop(why: string): Promise<void>;
}

/**
 * Starts one of several processes of a program, with the configuration from the process that started it.
 *
 * @throws Error also when the signal aborts, once what was begun is drained
 */
export async function startMember(asked: AbortSignal): Promise<Program> {
  const config = await unlessAborted(asked, memberConfig());
  const logger = new LineLogger(config.logLevel, config.logFormat, { roles: config.roles.join(',') });
  try {
    const started = await unlessAsked(asked, startHere(config, logger, mayListen), logger);
    const { url, isGroup, needsSetup } = started;
    tellGroup({ ready: url });
    void needsSetup.then((isNeeded) => isNeeded && tellGroup({ needsSetup: true }));
    return { url, config, logger, isGroup, stop: (why) => stop(started, undefined, logger, why) };
  } catch (error) {
    tellGroup({ failed: messageOf(error) });
    throw error;
  }
}

/**
 * Starts the program in the roles that the environment names.
 *
 * @throws ConfigError, Error; also when the signal aborts, once what was begun is drained and the embedded servers are
 * gone
 */
export async function startProgram(
  env: NodeJS.ProcessEnv,
  asked = new AbortController().signal,
): Promise<Program> {
  const given = readConfig(env);
  const logger = new LineLogger(given.logLevel, given.logFormat, { roles: given.roles.join(',') });
  for (const name of given.unknownVariables) {
    const meant = closest(name.replace('MONSCALE_', ''), KNOWN_SUFFIXES);
    const hint = meant === undefined ? 'is it misspelt?' : `did you mean MONSCALE_${meant}?`;
    logger.warn(`${name} is not known; ${hint}`, 'Config');
  }

  const say = (line: string) => logger.log(line, 'Embedded');
  const embedded = given.embedded ? await startServers(given.dataDir, say, asked) : undefined;
  try {
    const setupToken = randomBytes(32).toString('base64url');
    const config = Object.freeze({ ...(embedded ? withEmbedded(given, embedded) : given), setupToken });
    if (embedded) env.MONSCALE_PARAM_REDIS_URL ??= embedded.redisReaderUrl;
    if (config.adminToken === undefined && config.roles.includes('api')) {
      logger.warn('MONSCALE_ADMIN_TOKEN is not set: there is no way in where nobody can sign in', 'Config');
    }
    const started = await unlessAsked(asked, startRoles(config, logger, asked), logger);
    const { url, isGroup, needsSetup } = started;
    logger.log(`ready: ${config.roles.join(', ')} on ${url}`, 'Program');
    if (embedded) {
      greet(url, embedded.firstStart && given.adminToken === undefined ? embedded : undefined);
    }
    void needsSetup.then((isNeeded) => isNeeded && showSetupUrl(url, config));
    return { url, config, logger, isGroup, stop: (why) => stop(started, embedded, logger, why) };
  } catch (error) {
    await embedded?.stop(SERVERS_MS);
    throw error;
  }
}

async function startServers(
  dataDir: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<EmbeddedServers> {
  const { startEmbeddedServers } = await import('./embedded/embedded-servers.js');
  return startEmbeddedServers(dataDir, say, { signal });
}

/**
 * Returns the result of the start. If the program is asked to stop meanwhile, drains what has been started, and throws.
 */
async function unlessAsked(
  asked: AbortSignal,
  starting: Promise<Started>,
  logger: LineLogger,
): Promise<Started> {
  try {
    return await unlessAborted(asked, starting);
  } catch (error) {
    if (asked.aborted) {
      logger.log(`${messageOf(asked.reason)}: draining, in the midst of the start`, 'Program');
      const started = starting.catch(() => undefined);
      await inTime(STOP_MS - SERVERS_MS, async () => (await started)?.close()).catch(() => false);
    }
    throw error;
  }
}

/**
 * Starts the roles in this process, or in several. With embedded servers there may be no supervisor that starts the
 * program again: then this process has no role, and starts (again) the one that has them.
 */
async function startRoles(config: Config, logger: LineLogger, asked: AbortSignal): Promise<Started> {
  if (!config.embedded && groupSize(config) === 1) return startHere(config, logger);
  const { group, url } = await ProcessGroup.start(config, logger, asked);
  const kill = () => void group.stop('SIGKILL');
  const { needsSetup } = group;
  return { url, isGroup: true, needsSetup, close: () => group.stop('SIGTERM'), kill };
}

/** Starts the roles in this process. What they are made of is loaded only then: a process that leads a group needs none of it. */
async function startHere(
  config: Config,
  logger: LineLogger,
  mayListen?: () => Promise<void>,
): Promise<Started> {
  const { startApp } = await import('./app.js');
  return startApp(config, logger, mayListen);
}

/** Returns the configuration with the URLs, token and key of the embedded servers. */
function withEmbedded(config: Config, servers: EmbeddedServers): Config {
  const kept = Buffer.from(servers.secretKey, 'base64');
  // Where one is set later, it takes the place of the one that was made.
  const previous = config.secretKey === undefined || config.secretKey.equals(kept) ? undefined : kept;
  return Object.freeze({
    ...config,
    databaseUrl: servers.databaseUrl,
    redisUrl: servers.redisUrl,
    adminToken: config.adminToken ?? servers.adminToken,
    secretKey: config.secretKey ?? kept,
    secretKeyPrevious: config.secretKeyPrevious ?? previous,
  });
}

async function stop(
  { close, kill }: Started,
  embedded: EmbeddedServers | undefined,
  logger: LineLogger,
  why: string,
): Promise<void> {
  // Bull leaves a promise behind when Redis is away, and that must not cut the drain short.
  process.on('unhandledRejection', () => undefined);
  logger.log(`${why}: draining`, 'Program');
  const end = performance.now() + STOP_MS;
  const drainMs = embedded ? STOP_MS - SERVERS_MS : STOP_MS;
  const isDrained = await inTime(drainMs, close).catch((error: unknown) => {
    logger.error(`could not drain: ${messageOf(error)}`, 'Program');
    return false;
  });
  if (!isDrained) kill?.();
  await embedded?.stop(end - performance.now()).catch((error: unknown) => {
    logger.error(messageOf(error), 'Embedded');
  });
  logger.log(isDrained ? 'stopped' : 'stopped before everything was drained', 'Program');
  standardOutput.flush();
}

/**
 * Runs some work with a time limit.
 *
 * @returns whether it ended in time
 * @throws what it throws in time
 */
async function inTime(ms: number, work: () => Promise<void>): Promise<boolean> {
  let timer!: NodeJS.Timeout;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  return Promise.race([work().then(() => true), late]).finally(() => clearTimeout(timer));
}

/**
 * Greets the person who started the program, outside of the log. Output that is no terminal may be stored or forwarded,
 * so the token is not written there.
 */
function greet(url: string, made: Pick<EmbeddedServers, 'adminToken' | 'adminTokenFile'> | undefined): void {
  const lines = [`monscale is ready: ${url}`];
  if (made !== undefined)
    lines.push(
      isatty(1)
        ? `admin token, shown this once (kept in ${made.adminTokenFile}): ${made.adminToken}`
        : `admin token: in ${made.adminTokenFile}`,
    );
  standardOutput.write(`\n${lines.map((line) => `  ${line}`).join('\n')}\n\n`);
}
