import 'reflect-metadata';
import { NotFoundException } from '@nestjs/common';
import { hostname } from 'node:os';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { programClock } from './common/clock';
import { messageOf } from './common/errors';
import { heard } from './common/heard';
import { watchEventLoop } from './common/event-loop';
import { giveBackWhenQuiet, keepCode } from './common/heap';
import type { LineLogger } from './common/logger';
import { stopThreads } from './common/thread-pool';
import { startTracing, stopTracing } from './common/tracing';
import type { Config } from './config/config';
import { Audit } from './database/audit';
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
import { WholeRequests } from './api/whole-requests';
import { FastIngestRoute } from './alerts/fast-ingest-route';
import { AppModule } from './app.module';
import { noteRefusals } from './audit/refusals';
import { accessOf, requireAccess } from './auth/access';
import { identify, senderOf } from './auth/auth';
import { trustProxies } from './auth/client-address';
import { closeDescription } from './auth/closed';
import { Identities } from './auth/identities';
import { FirstRun } from './people/first-run';
import { SignInDoor } from './people/sign-in-door';
import { installLookup } from './names/lookup';
import { allowAddresses } from './targets/address-guard';

/** Timeout of slow clients, milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;
/**
 * Time after which an idle connection is closed, milliseconds: longer than proxies and clients keep theirs (nginx and
 * AWS's load balancers: 60 s), as a request on a connection that is just being closed is lost, and may not be repeated.
 */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_TIMEOUT_MS = 10_000;
const TIMEOUTS = { firstMs: HEADERS_TIMEOUT_MS, keptMs: KEEP_ALIVE_MS };
const SERVER_OPTIONS = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  headersTimeout: HEADERS_TIMEOUT_MS,
  connectionsCheckingInterval: 2_000,
  // Looked for by us, so that its absence is answered in words.
  requireHostHeader: false,
};

/** Bodies are checked and answers written by us: Fastify need not load what compiles schemas of routes. */
const WITHOUT_SCHEMAS = { buildValidator: noSchemas, buildSerializer: noSchemas };

function noSchemas(): never {
  throw new Error('routes have no schemas of Fastify');
}

/** Roles that were started and can be drained. */
export interface Started {
  url: string;
  isGroup: boolean;
  close: () => Promise<void>;
  /** Resolves once it is known whether there is no user yet; maybe never. */
  needsSetup: Promise<boolean>;
  /** Ends at once what has not drained in time. */
  kill?: () => void;
}

/**
 * Starts the roles in this process.
 *
 * @param mayListen resolves when the other processes could listen as well
 */
export async function startApp(
  config: Config,
  logger: LineLogger,
  mayListen?: () => Promise<void>,
): Promise<Started> {
  installLookup();
  allowAddresses(config.allowAddresses);
  trustProxies(config.trustedProxies);
  if (config.publicUrl?.startsWith('https:')) declareTls();
  await startTracing(config.tracing, {
    'service.instance.id': `${hostname()}:${process.pid}`,
    'monscale.roles': config.roles.join(','),
  });
  const isApi = config.roles.includes('api');
  const hasDocs = isApi && config.docs !== 'off';
  let fastLane: FastIngestRoute | undefined;
  let door: SignInDoor | undefined;
  let isEnding = false;
  const connections = new Connections(connectionsFor(descriptorsAtMost()));
  const adapter = new FastifyAdapter({
    serverFactory: (framework: RequestListener) => {
      const take: RequestListener = (request, response) => {
        // Nobody is there any more to be answered.
        heard(response);
        connections.asked(request, response);
        if (lacksHost(request, response)) return;
        if (fastLane?.takes(request, response) === true) return;
        // What drains is answered by the framework, which ends the connection with it.
        if (!isEnding && door?.takes(request, response, framework) === true) return;
        framework(request, response);
      };
      const server = createServer(SERVER_OPTIONS, take);
      server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
        willAwaitContinue(request);
        take(request, response);
      });
      connections.watch(server);
      new WholeRequests(server, connections, TIMEOUTS, programClock, (head) => fastLane?.wholeRequests(head));
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
    routerOptions: { maxParamLength: 500, ignoreTrailingSlash: true },
    schemaController: { compilersFactory: WITHOUT_SCHEMAS },
  });
  const app = await NestFactory.create<NestFastifyApplication>(await AppModule.with(config), adapter, {
    logger,
    abortOnError: false,
    bodyParser: false,
  });
  if (isApi) [fastLane, door] = [app.get(FastIngestRoute), app.get(SignInDoor)];
  const fastify = app.getHttpAdapter().getInstance();
  noteRequests(fastify);
  fastify.addHook('onSend', securityHeaders);
  answerClosing(fastify, () => isEnding);
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
  keepCode();
  const watches = [watchEventLoop(), giveBackWhenQuiet()];
  const stopWatching = () => watches.forEach((stop) => stop());
  try {
    await app.init();
    await mayListen?.();
    await app.listen(isApi ? config.http.port : config.metricsPort, config.http.host);
    const close = async () => {
      isEnding = true;
      // Others are asked for their health alone, and begin to drain at once.
      if (isApi) await connections.ended();
      await app.close();
      stopWatching();
      await stopThreads();
      await stopTracing();
    };
    const needsSetup = isApi ? app.get(FirstRun).needed : Promise.resolve(false);
    return { url: urlOf(await app.getUrl(), config), isGroup: false, needsSetup, close };
  } catch (error) {
    stopWatching();
    await app.close();
    await stopTracing();
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

/** Returns a URL to open rather than the address listened on. */
function urlOf(url: string, { http }: Config): string {
  return ['0.0.0.0', '::'].includes(http.host) ? url.replace(/\/\/[^/]*:/, '//localhost:') : url;
}
