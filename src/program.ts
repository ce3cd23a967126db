import { NotFoundException } from '@nestjs/common';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import { isatty } from 'node:tty';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { closest } from './common/did-you-mean';
import { messageOf } from './common/errors';
import { heard } from './common/heard';
import { watchEventLoop } from './common/event-loop';
import { LineLogger } from './common/logger';
import { standardOutput } from './common/output';
import { stopThreads } from './common/thread-pool';
import { readConfig, type Config } from './config/config';
import { Audit } from './database/audit';
import { KNOWN_SUFFIXES } from './config/variables';
import { ConsoleFiles } from './console/files';
import { servePage, withoutBasePath } from './console/page';
import { acceptBodies, BODY_BYTES_AT_MOST } from './api/bodies';
import { willAwaitContinue } from './api/body';
import { ANYBODY, bodyBudget, UNIDENTIFIED, type Holder } from './api/body-budget';
import { Connections, connectionsFor } from './api/connections';
import { descriptorsAtMost } from './api/descriptors';
import { noteRequests } from './api/noted-requests';
import { answerUnrouted } from './api/methods';
import { describeApi } from './api/openapi';
import { declareTls, securityHeaders } from './api/security-headers';
import { answerClosing, answerFaults, answerWrongUrl, lacksHost, refuse } from './api/server-problems';
import { storableUrl } from './api/url-texts';
import { FastIngestRoute } from './alerts/fast-ingest-route';
import { AppModule } from './app.module';
import { noteRefusals } from './audit/refusals';
import { accessOf, requireAccess } from './auth/access';
import { identify, senderOf } from './auth/auth';
import { trustProxies } from './auth/client-address';
import { closeDescription } from './auth/closed';
import { Identities } from './auth/identities';
import { startEmbeddedServers, type EmbeddedServers } from './embedded/embedded-servers';
import { FirstRun } from './people/first-run';
import { showSetupUrl } from './people/setup-url';
import { groupSize, memberConfig, mayListen, ProcessGroup, tellGroup } from './process-group/process-group';
import { unlessAborted } from './common/unless-aborted';
import { installLookup } from './names/lookup';
import { allowAddresses } from './targets/address-guard';

/** Time from the request to stop until everything must be over, milliseconds. */
const STOP_MS = 28_000;
/** Least part of it that embedded servers get to end by themselves, milliseconds. */
const SERVERS_MS = 6_000;
/** Timeout of slow clients, milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;
const SERVER_OPTIONS = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 2_000,
  // Looked for by us, so that its absence is answered in words.
  requireHostHeader: false,
};

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

/** Roles that were started and can be drained. */
interface Started {
  url: string;
  isGroup: boolean;
  close: () => Promise<void>;
  /** Resolves once it is known whether there is no user yet; maybe never. */
  needsSetup: Promise<boolean>;
  /** Ends at once what has not drained in time. */
  kill?: () => void;
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
    const started = await unlessAsked(asked, startApp(config, logger, mayListen), logger);
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
  const embedded = given.embedded
    ? await startEmbeddedServers(given.dataDir, say, { signal: asked })
    : undefined;
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
  if (!config.embedded && groupSize(config) === 1) return startApp(config, logger);
  const { group, url } = await ProcessGroup.start(config, logger, asked);
  const kill = () => void group.stop('SIGKILL');
  const { needsSetup } = group;
  return { url, isGroup: true, needsSetup, close: () => group.stop('SIGTERM'), kill };
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

/**
 * Starts the roles in this process.
 *
 * @param mayListen resolves when the other processes could listen as well
 */
async function startApp(
  config: Config,
  logger: LineLogger,
  mayListen?: () => Promise<void>,
): Promise<Started> {
  installLookup();
  allowAddresses(config.allowAddresses);
  trustProxies(config.trustedProxies);
  if (config.publicUrl?.startsWith('https:')) declareTls();
  const isApi = config.roles.includes('api');
  const hasDocs = isApi && config.docs !== 'off';
  let fastLane: FastIngestRoute | undefined;
  const connections = new Connections(connectionsFor(descriptorsAtMost()));
  const adapter = new FastifyAdapter({
    serverFactory: (framework: RequestListener) => {
      const take: RequestListener = (request, response) => {
        // Nobody is there any more to be answered.
        heard(response);
        connections.asked(request, response);
        if (lacksHost(request, response)) return;
        if (fastLane?.takes(request, response) !== true) framework(request, response);
      };
      const server = createServer(SERVER_OPTIONS, take);
      server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
        willAwaitContinue(request);
        take(request, response);
      });
      connections.watch(server);
      // A connection that could not be taken, for want of file descriptors.
      server.on('error', (error) => server.listening && logger.warn(`HTTP: ${messageOf(error)}`, 'Program'));
      answerFaults(server);
      return server.setTimeout(REQUEST_TIMEOUT_MS);
    },
    clientErrorHandler: refuse,
    frameworkErrors: answerWrongUrl,
    bodyLimit: BODY_BYTES_AT_MOST,
    forceCloseConnections: 'idle',
    // Answered by us: Fastify's answer is no problem+json, and has no headers.
    return503OnClosing: false,
    rewriteUrl: withoutBasePath(config.publicUrl),
    routerOptions: { maxParamLength: 500 },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config), adapter, {
    logger,
    abortOnError: false,
    bodyParser: false,
  });
  if (isApi) fastLane = app.get(FastIngestRoute);
  const fastify = app.getHttpAdapter().getInstance();
  noteRequests(fastify);
  fastify.addHook('onSend', securityHeaders);
  answerClosing(fastify);
  if (isApi) serveConsole(fastify, app.get(ConsoleFiles), config, logger);
  answerUnrouted(fastify, hasDocs);
  requireAccess(fastify);
  noteRefusals(fastify, app.get(Audit));
  acceptBodies(fastify, bodyBudget, holderOf(app, isApi));
  fastify.addHook('preValidation', storableUrl);
  if (hasDocs) {
    if (config.docs === 'token') closeDescription(fastify, app.get(Identities));
    describeApi(app);
  }
  const stopWatching = watchEventLoop();
  try {
    await app.init();
    await mayListen?.();
    await app.listen(isApi ? config.http.port : config.metricsPort, config.http.host);
    const close = async () => {
      await app.close();
      stopWatching();
      await stopThreads();
    };
    const needsSetup = isApi ? app.get(FirstRun).needed : Promise.resolve(false);
    return { url: urlOf(await app.getUrl(), config), isGroup: false, needsSetup, close };
  } catch (error) {
    stopWatching();
    await app.close();
    const name = isApi ? 'MONSCALE_HTTP_PORT' : 'MONSCALE_METRICS_PORT';
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    const port = isApi ? config.http.port : config.metricsPort;
    throw new Error(`port ${port} is taken by another program; choose one by ${name}`, { cause: error });
  }
}

function serveConsole(
  fastify: Parameters<typeof servePage>[0],
  { page }: ConsoleFiles,
  { publicUrl, oidc }: Config,
  logger: LineLogger,
): void {
  if (page === undefined) logger.warn('the console has not been built: npm run build', 'Program');
  else servePage(fastify, page, { publicUrl, hasProvider: oidc !== undefined });
}

/**
 * Returns a function that identifies the sender of a body by what comes before it. Processes without the role `api`
 * accept no bodies.
 */
function holderOf(app: NestFastifyApplication, isApi: boolean): (request: FastifyRequest) => Promise<Holder> {
  if (!isApi)
    return async (request) => {
      throw new NotFoundException(`This process takes no ${request.method}`);
    };
  const identities = app.get(Identities);
  return async (request) => {
    const isKnown = await identify(identities, request, false);
    if (isKnown) return senderOf(request).name;
    return accessOf(request) === 'public' ? ANYBODY : UNIDENTIFIED;
  };
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

/** Returns a URL to open rather than the address listened on. */
function urlOf(url: string, { http }: Config): string {
  return ['0.0.0.0', '::'].includes(http.host) ? url.replace(/\/\/[^/]*:/, '//localhost:') : url;
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
