import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { messageOf } from './common/errors';
import { JsonLogger } from './common/logger';
import { readConfig, type Config } from './config/config';
import { describeApi } from './api/openapi';
import { AppModule } from './app.module';
import { startEmbeddedServers, type EmbeddedServers } from './embedded/embedded-servers';
import { allowAddresses } from './targets/http/address-guard';
import { YAML_TYPES } from './transfer/yaml';

/** Everything must be over by then. */
const DRAIN_TIMEOUT_MS = 28_000;
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;
/** YAML takes a second a megabyte to read, and others wait meanwhile. JSON has no such limit. */
const YAML_LIMIT_BYTES = 2 * 1024 * 1024;
/** A client that sends or reads this slowly is let go. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface Program {
  /** Where it answers over HTTP. */
  url: string;
  config: Config;
  /** Drains, then stops the embedded servers. Answers the exit code. */
  stop(why: string): Promise<number>;
}

/** Starts the program in the roles that the environment names. @throws ConfigError, Error */
export async function startProgram(env: NodeJS.ProcessEnv): Promise<Program> {
  const given = readConfig(env);
  const logger = new JsonLogger(given.logLevel, { roles: given.roles.join(',') });
  allowAddresses(given.allowAddresses);
  for (const name of given.unknownVariables) logger.warn(`${name} is not known; is it misspelt?`, 'Config');

  const embedded = given.embedded
    ? await startEmbeddedServers(given.dataDir, (line) => logger.log(line, 'Embedded'))
    : undefined;
  try {
    const config = embedded ? withEmbedded(given, embedded) : given;
    if (config.adminToken === undefined && config.roles.includes('api')) {
      logger.warn('MONSCALE_ADMIN_TOKEN is not set: nobody can log in', 'Config');
    }
    const app = await startApp(config, logger);
    const url = urlOf(await app.getUrl(), config);
    logger.log(`ready: ${config.roles.join(', ')} on ${url}`, 'Program');
    if (embedded)
      greet(url, embedded.firstStart && given.adminToken === undefined ? embedded.adminToken : undefined);
    return { url, config, stop: (why) => stop(app, embedded, logger, why) };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

/** The configuration as if the embedded servers were real ones. @throws ConfigError */
function withEmbedded(config: Config, servers: EmbeddedServers): Config {
  return Object.freeze({
    ...config,
    databaseUrl: servers.databaseUrl,
    redisUrl: servers.redisUrl,
    adminToken: config.adminToken ?? servers.adminToken,
    secretKey: config.secretKey ?? Buffer.from(servers.secretKey, 'base64'),
  });
}

async function startApp(config: Config, logger: JsonLogger): Promise<NestFastifyApplication> {
  const isApi = config.roles.includes('api');
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 500 },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config), adapter, {
    logger,
    abortOnError: false,
  });
  acceptBodies(app);
  if (isApi) describeApi(app);
  try {
    await app.listen(isApi ? config.http.port : config.metricsPort, config.http.host);
    return app;
  } catch (error) {
    await app.close();
    const name = isApi ? 'MONSCALE_HTTP_PORT' : 'MONSCALE_METRICS_PORT';
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    const port = isApi ? config.http.port : config.metricsPort;
    throw new Error(`port ${port} is taken by another program; choose one by ${name}`, { cause: error });
  }
}

/**
 * JSON under its own media type and that of RFC 7396; an empty body is none, whatever its type says. YAML, as a text.
 * And forms, as Nest leaves its own parsers out once it was given one.
 */
function acceptBodies(app: NestFastifyApplication): void {
  const parse = app.getHttpAdapter().getInstance().getDefaultJsonParser('error', 'error');
  for (const type of ['application/json', 'application/merge-patch+json']) {
    app.useBodyParser(type, { bodyLimit: BODY_LIMIT_BYTES }, (request, body: Buffer, done) => {
      if (body.length === 0) done(null, undefined);
      else void parse(request as never, body.toString('utf8'), done);
    });
  }
  // Parsed where it is taken, so that a mistake can be told by its line.
  for (const type of YAML_TYPES) {
    app.useBodyParser(type, { bodyLimit: YAML_LIMIT_BYTES }, (_request, body: Buffer, done) =>
      done(null, body.toString('utf8')),
    );
  }
  const form = 'application/x-www-form-urlencoded';
  app.useBodyParser(form, { bodyLimit: BODY_LIMIT_BYTES }, (_request, body: Buffer, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body.toString('utf8')))),
  );
}

async function stop(
  app: NestFastifyApplication,
  embedded: EmbeddedServers | undefined,
  logger: JsonLogger,
  why: string,
): Promise<number> {
  logger.log(`${why}: draining`, 'Program');
  let late = false;
  const timeout = new Promise<void>((resolve) => {
    setTimeout(() => {
      late = true;
      resolve();
    }, DRAIN_TIMEOUT_MS).unref();
  });
  try {
    await Promise.race([app.close(), timeout]);
  } catch (error) {
    logger.error(`could not drain: ${messageOf(error)}`, 'Program');
  }
  await embedded?.stop();
  logger.log(late ? 'stopped before everything was drained' : 'stopped', 'Program');
  // What was not drained is taken up by others, or at the next start: that is no failure.
  return 0;
}

/** An address to click on rather than one to listen on. */
function urlOf(url: string, { http }: Config): string {
  return ['0.0.0.0', '::'].includes(http.host) ? url.replace(/\/\/[^/]*:/, '//localhost:') : url;
}

/** For the person who started it, beside the log. */
function greet(url: string, newToken: string | undefined): void {
  const lines = [`monscale is ready: ${url}/docs`];
  if (newToken !== undefined)
    lines.push(`admin token, shown this once (kept in the data folder): ${newToken}`);
  process.stdout.write(`\n${lines.map((line) => `  ${line}`).join('\n')}\n\n`);
}
