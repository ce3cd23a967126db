/**
 * The environment, read and checked once. No other code of the program reads `process.env`, except for secrets that a
 * definition names by `{"env": "MONSCALE_PARAM_…"}`; the command line, a program of its own, reads what it needs.
 */
import { isIP } from 'node:net';
import { join, resolve, sep } from 'node:path';
import { isatty } from 'node:tty';
import { isUnknown, type VariableName } from './variables';

/** Roles of a process. */
export const ROLES = ['api', 'scheduler', 'worker', 'trap'] as const;
export type Role = (typeof ROLES)[number];

export const QUEUES = ['polls', 'alerts', 'actions'] as const;
export type QueueName = (typeof QUEUES)[number];

export interface Config {
  readonly roles: readonly Role[];
  /** Queues that a worker serves. */
  readonly queues: readonly QueueName[];
  /** URL of PostgreSQL; when it and `redisUrl` are both undefined, embedded servers run in `dataDir`. */
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly embedded: boolean;
  /** Whether this process may migrate the database; otherwise it waits until it is migrated. */
  readonly migrateAtStart: boolean;
  readonly dataDir: string;
  readonly http: { readonly host: string; readonly port: number };
  /** Number of processes that answer on the port of the API. */
  readonly apiProcesses: number;
  /** Number of processes that poll, decide and act. */
  readonly workerProcesses: number;
  readonly metricsPort: number;
  readonly trap: { readonly host: string; readonly port: number };
  /** Folder in which notifications wait while PostgreSQL is away, and its size limit. */
  readonly spool: { readonly dir: string; readonly maxBytes: number };
  readonly adminToken?: string;
  /** URL at which people and senders reach the API, if the operator gives it. */
  readonly publicUrl?: string;
  /** Provider that people may sign in by. */
  readonly oidc?: OidcConfig;
  /** One-time token of the first run, made at each start; it is not read from the environment. */
  readonly setupToken?: string;
  /** Readers of the API's description at `/docs`: everybody, the administrator, or nobody. */
  readonly docs: 'open' | 'token' | 'off';
  /** Token required for `/metrics`; undefined when everybody may read them. */
  readonly metricsToken?: string;
  /** Proxies whose `X-Forwarded-For` is trusted: addresses and CIDRs. */
  readonly trustedProxies: readonly string[];
  /** Key that encrypts secrets, 32 bytes. */
  readonly secretKey?: Buffer;
  /** Key that was used before, while stored secrets are encrypted anew. */
  readonly secretKeyPrevious?: Buffer;
  /** Folders of the files that definitions may name for secrets; absolute paths. */
  readonly secretsFolders: readonly string[];
  /** Folder whose rules are applied as they change. */
  readonly rulesDir: string | undefined;
  readonly killSwitch: boolean;
  /** Largest number of executions that may begin in an hour, of all services together; undefined for any number. */
  readonly maxActionsPerHour?: number;
  /** Link-local addresses that may be connected to nevertheless: addresses and CIDRs. */
  readonly allowAddresses: readonly string[];
  readonly samplesRetentionDays: number;
  /** Roll-ups of samples to steps of 5 minutes and of an hour. */
  readonly rollUps: {
    readonly enabled: boolean;
    readonly fiveMinutesRetentionDays: number;
    readonly hoursRetentionDays: number;
  };
  readonly historyRetentionDays: number;
  readonly auditRetentionDays: number;
  readonly logLevel: string;
  readonly logFormat: 'json' | 'text';
  /** Receiver of traces; undefined where nothing is traced. */
  readonly tracing?: TracingConfig;
  /** Variables that look like ours and are not known, probably misspelt. */
  readonly unknownVariables: readonly string[];
}

/** Traces, as far as OpenTelemetry's own packages do not read it from the environment. */
export interface TracingConfig {
  /** URL of the collector that takes spans. */
  readonly url: string;
  readonly serviceName: string;
}

/** Samplers of the standard that OpenTelemetry's packages know. */
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
/** `name=value`, percent-encoded, as many as are wanted (W3C Baggage). */
const NAMED_VALUES =
  /^\s*[!#$%&'*+.^_`|~\w-]+\s*=[\x20-\x2b\x2d-\x7e]+(?:,\s*[!#$%&'*+.^_`|~\w-]+\s*=[\x20-\x2b\x2d-\x7e]+)*$/;

/** Client of an OpenID provider. */
export interface OidcConfig {
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined for a public client. */
  readonly clientSecret?: string;
  /** Separated by spaces. */
  readonly scopes: string;
  readonly groupsClaim: string;
  /** Whether groups of the provider count for grants, or those that are given here alone. */
  readonly roleSource: 'idp' | 'local';
}

/** Errors in the environment, each naming its variable. */
export class ConfigError extends Error {
  constructor(readonly mistakes: string[]) {
    super(
      `the environment has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n  ${mistakes.join('\n  ')}`,
    );
  }
}

/** Shortest token that is accepted, characters. */
const TOKEN_CHARACTERS = 16;

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'];
const LOG_FORMATS = ['json', 'text'] as const;

/**
 * Returns the configuration.
 *
 * @throws ConfigError with every error at once
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const mistakes: string[] = [];
  const text = (name: VariableName): string | undefined =>
    env[name] === undefined || env[name] === '' ? undefined : env[name];

  const words = <W extends string>(name: VariableName, known: readonly W[], all: string): readonly W[] => {
    const given = (text(name) ?? all).split(',').map((word) => word.trim());
    if (given.includes(all)) return known;
    for (const word of given) {
      if (!known.includes(word as W)) {
        mistakes.push(
          `${name}: there is no ${JSON.stringify(word)}; known are ${known.join(', ')} and ${all}`,
        );
      }
    }
    return known.filter((word) => given.includes(word));
  };

  const whole = <F extends number | undefined>(
    name: VariableName,
    fallback: F,
    minimum: number,
    maximum: number,
  ): number | F => {
    const given = text(name);
    if (given === undefined) return fallback;
    const value = /^\d+$/.test(given) ? Number(given) : NaN;
    if (value >= minimum && value <= maximum) return value;
    mistakes.push(`${name}: ${JSON.stringify(given)} is not a whole number from ${minimum} to ${maximum}`);
    return fallback;
  };

  const choice = <W extends string>(name: VariableName, choices: readonly W[], fallback: W): W => {
    const given = text(name) ?? fallback;
    if (choices.includes(given as W)) return given as W;
    mistakes.push(`${name}: ${JSON.stringify(given)} is not one of ${choices.join(', ')}`);
    return fallback;
  };

  const url = (name: VariableName, schemes: readonly string[]): string | undefined => {
    const given = text(name);
    // The value may hold a password: the message must not repeat it.
    const isGood = given === undefined || schemes.some((scheme) => given.startsWith(`${scheme}://`));
    if (!isGood)
      mistakes.push(`${name}: must be a URL that starts with ${schemes.map((s) => `${s}://`).join(' or ')}`);
    return given;
  };

  const networks = (name: VariableName): readonly string[] => {
    const given = (text(name) ?? '').split(',').map((one) => one.trim());
    const named = given.filter((one) => one !== '');
    for (const one of named) {
      if (!isNetwork(one))
        mistakes.push(
          `${name}: ${JSON.stringify(one)} is neither an address nor a network such as 10.0.0.0/8`,
        );
    }
    return named;
  };

  const roles = words('MONSCALE_ROLE', ROLES, 'all');
  const queues = words('MONSCALE_QUEUES', QUEUES, 'all');
  const databaseUrl = url('DATABASE_URL', ['postgres', 'postgresql']);
  const redisUrl = url('REDIS_URL', [
    'redis',
    'rediss',
    'redis+sentinel',
    'rediss+sentinel',
    'redis+cluster',
    'rediss+cluster',
  ]);
  const embedded = databaseUrl === undefined && redisUrl === undefined;
  if ((databaseUrl === undefined) !== (redisUrl === undefined)) {
    const missing = databaseUrl === undefined ? 'DATABASE_URL' : 'REDIS_URL';
    mistakes.push(
      `${missing}: must be set when the other of DATABASE_URL and REDIS_URL is; unset both for embedded servers`,
    );
  } else if (embedded && roles.length < ROLES.length) {
    mistakes.push(
      'DATABASE_URL, REDIS_URL: must be set unless MONSCALE_ROLE is all, as embedded servers serve one process group',
    );
  }

  if (embedded && text('MONSCALE_MIGRATE_AT_START') === 'off')
    mistakes.push(
      'MONSCALE_MIGRATE_AT_START: off is for servers of your own: nobody else migrates embedded ones',
    );

  const key = (name: VariableName): Buffer | undefined => {
    const given = text(name);
    if (given === undefined) return undefined;
    const bytes = Buffer.from(given, 'base64');
    if (bytes.length !== 32)
      mistakes.push(`${name}: must be 32 bytes in base64; make one by: openssl rand -base64 32`);
    return bytes;
  };
  const secretKey = key('MONSCALE_SECRET_KEY');
  const secretKeyPrevious = key('MONSCALE_SECRET_KEY_PREVIOUS');
  if (secretKeyPrevious !== undefined && secretKey === undefined)
    mistakes.push('MONSCALE_SECRET_KEY_PREVIOUS: is the key before MONSCALE_SECRET_KEY, which is not set');

  const token = (name: VariableName): string | undefined => {
    const given = text(name);
    if (given !== undefined && given.length < TOKEN_CHARACTERS)
      mistakes.push(
        `${name}: must have at least ${TOKEN_CHARACTERS} characters, for it can be guessed; make one by: openssl rand -hex 24`,
      );
    if (given !== undefined && !/^[\x21-\x7e]+$/.test(given))
      mistakes.push(`${name}: must be letters, digits and signs without spaces: it is sent in a header`);
    return given;
  };
  const adminToken = token('MONSCALE_ADMIN_TOKEN');
  const metricsToken = token('MONSCALE_METRICS_TOKEN');
  const publicUrl = url('MONSCALE_PUBLIC_URL', ['https', 'http']);
  if (publicUrl !== undefined && /^https?:\/\//.test(publicUrl) && !URL.canParse(publicUrl))
    mistakes.push('MONSCALE_PUBLIC_URL: must be a URL such as https://monscale.example');

  const oidcOf = (): OidcConfig | undefined => {
    const issuer = text('MONSCALE_OIDC_ISSUER');
    const clientId = text('MONSCALE_OIDC_CLIENT_ID');
    const scopes = text('MONSCALE_OIDC_SCOPES') ?? 'openid profile email';
    const roleSource = choice('MONSCALE_OIDC_ROLE_SOURCE', ['idp', 'local'], 'local');
    if (issuer === undefined) {
      if (clientId !== undefined)
        mistakes.push('MONSCALE_OIDC_ISSUER: must be set when MONSCALE_OIDC_CLIENT_ID is');
      return undefined;
    }
    if (!isIssuer(issuer))
      mistakes.push(
        'MONSCALE_OIDC_ISSUER: must be a URL such as https://idp.example, without a query; http:// on loopback alone',
      );
    if (!scopes.split(' ').includes('openid'))
      mistakes.push('MONSCALE_OIDC_SCOPES: must have openid among the scopes, which are separated by spaces');
    if (clientId === undefined) {
      mistakes.push('MONSCALE_OIDC_CLIENT_ID: must be set when MONSCALE_OIDC_ISSUER is');
      return undefined;
    }
    const groupsClaim = text('MONSCALE_OIDC_GROUPS_CLAIM') ?? 'groups';
    return {
      issuer,
      clientId,
      clientSecret: text('MONSCALE_OIDC_CLIENT_SECRET'),
      scopes,
      groupsClaim,
      roleSource,
    };
  };
  const oidc = oidcOf();

  /** Checks what OpenTelemetry's packages read. Headers are a secret: the message must not repeat them. */
  const namedValues = (name: VariableName): void => {
    const given = text(name);
    if (given !== undefined && !NAMED_VALUES.test(given))
      mistakes.push(`${name}: must be name=value, separated by commas`);
  };
  const tracingOf = (): TracingConfig | undefined => {
    const isOff = text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true';
    const endpoint = isOff ? undefined : url('OTEL_EXPORTER_OTLP_ENDPOINT', ['http', 'https']);
    // They may be set for other programs.
    if (endpoint === undefined) return undefined;
    choice('OTEL_EXPORTER_OTLP_PROTOCOL', ['http/json', 'http/protobuf'], 'http/json');
    choice('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on');
    const share = text('OTEL_TRACES_SAMPLER_ARG') ?? '1';
    if (!/^(?:[01](?:\.\d*)?|\.\d+)$/.test(share) || Number(share) > 1)
      mistakes.push(`OTEL_TRACES_SAMPLER_ARG: ${JSON.stringify(share)} is not a number from 0 to 1`);
    namedValues('OTEL_EXPORTER_OTLP_HEADERS');
    namedValues('OTEL_RESOURCE_ATTRIBUTES');
    if (/^https?:\/\//.test(endpoint) && !URL.canParse(endpoint)) {
      mistakes.push('OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL such as http://localhost:4318');
      return undefined;
    }
    const serviceName = text('OTEL_SERVICE_NAME') ?? 'monscale';
    return { url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, serviceName };
  };

  const dataDir = text('MONSCALE_DATA_DIR') ?? './.monscale';
  const secretsFolders = (
    text('MONSCALE_SECRETS_DIR')?.split(':') ?? [join(dataDir, 'secrets'), '/run/secrets']
  )
    .filter((folder) => folder !== '')
    .map((folder) => resolve(folder));
  for (const folder of secretsFolders) {
    if (embedded && `${resolve(dataDir)}${sep}`.startsWith(folder === sep ? sep : `${folder}${sep}`))
      mistakes.push(
        `MONSCALE_SECRETS_DIR: ${folder} holds the data folder, whose passwords and keys no definition may name`,
      );
  }
  const rulesDir = text('MONSCALE_RULES_DIR');
  const config: Config = {
    roles,
    queues,
    databaseUrl,
    redisUrl,
    embedded,
    migrateAtStart: choice('MONSCALE_MIGRATE_AT_START', ['on', 'off'], 'on') === 'on',
    dataDir,
    http: {
      host: text('MONSCALE_HTTP_HOST') ?? (embedded ? '127.0.0.1' : '0.0.0.0'),
      port: whole('MONSCALE_HTTP_PORT', 8080, 0, 65_535),
    },
    apiProcesses: whole('MONSCALE_API_PROCESSES', 1, 1, 64),
    workerProcesses: whole('MONSCALE_WORKER_PROCESSES', 1, 1, 64),
    metricsPort: whole('MONSCALE_METRICS_PORT', 9464, 0, 65_535),
    trap: {
      host: text('MONSCALE_TRAP_HOST') ?? (embedded ? '127.0.0.1' : '0.0.0.0'),
      port: whole('MONSCALE_TRAP_PORT', 1162, 0, 65_535),
    },
    spool: {
      dir: text('MONSCALE_SPOOL_DIR') ?? join(dataDir, 'spool'),
      maxBytes: whole('MONSCALE_SPOOL_MB', 256, 1, 1_000_000) * 2 ** 20,
    },
    adminToken,
    publicUrl,
    oidc,
    docs: choice('MONSCALE_DOCS', ['open', 'token', 'off'], 'open'),
    metricsToken,
    trustedProxies: networks('MONSCALE_TRUSTED_PROXIES'),
    secretKey,
    secretKeyPrevious,
    secretsFolders,
    rulesDir: rulesDir === undefined ? undefined : resolve(rulesDir),
    killSwitch: choice('MONSCALE_KILL_SWITCH', ['on', 'off'], 'off') === 'on',
    maxActionsPerHour: whole('MONSCALE_MAX_ACTIONS_PER_HOUR', undefined, 1, 1_000_000),
    allowAddresses: networks('MONSCALE_ALLOW_ADDRESSES'),
    samplesRetentionDays: whole('MONSCALE_SAMPLES_RETENTION_DAYS', 14, 1, 3_650),
    rollUps: {
      enabled: choice('MONSCALE_ROLL_UPS', ['on', 'off'], 'on') === 'on',
      fiveMinutesRetentionDays: whole('MONSCALE_ROLL_UPS_5M_RETENTION_DAYS', 90, 1, 3_650),
      hoursRetentionDays: whole('MONSCALE_ROLL_UPS_1H_RETENTION_DAYS', 730, 1, 3_650),
    },
    historyRetentionDays: whole('MONSCALE_HISTORY_RETENTION_DAYS', 90, 1, 3_650),
    auditRetentionDays: whole('MONSCALE_AUDIT_RETENTION_DAYS', 730, 1, 36_500),
    logLevel: choice('MONSCALE_LOG_LEVEL', LOG_LEVELS, 'info'),
    logFormat: choice('MONSCALE_LOG_FORMAT', LOG_FORMATS, isatty(1) ? 'text' : 'json'),
    tracing: tracingOf(),
    // Kubernetes adds MONSCALE_PORT_… and MONSCALE_SERVICE_… to pods beside a service named monscale: warn, don't refuse.
    unknownVariables: Object.keys(env).filter(isUnknown),
  };
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return Object.freeze(config);
}

/** Tells whether a text can be an issuer (OpenID Connect Discovery, 3), to which secrets go over TLS or loopback. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, search, hash, username, password } = new URL(text);
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  const isBare = [search, hash, username, password].every((part) => part === '');
  return isBare && (protocol === 'https:' || (protocol === 'http:' && isLoopback));
}

/** Tells whether a text is an address, or a network in CIDR notation. */
function isNetwork(text: string): boolean {
  const [address = '', prefix = '0', ...rest] = text.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  return isIP(address) > 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
}

/** Returns the key that encrypts secrets, and the older one that only decrypts. */
export const secretKeysOf = ({ secretKey, secretKeyPrevious }: Config): Buffer[] =>
  [secretKey, secretKeyPrevious].filter((key) => key !== undefined);

/** Injection token of the program's configuration. */
export const CONFIG = Symbol('CONFIG');

/** Returns the environment for processes that talk to targets: without our own variables. */
export function strangersEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const isOurs = (name: string) =>
    name.startsWith('MONSCALE_') ||
    // The headers to a collector are a secret.
    name.startsWith('OTEL_') ||
    name === 'DATABASE_URL' ||
    name === 'REDIS_URL';
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isOurs(name)));
}
