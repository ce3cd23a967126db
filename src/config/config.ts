/**
 * The environment, read and checked once. No other code of the program reads `process.env`, except for secrets that a
 * definition names by `{"env": "MONSCALE_PARAM_…"}`; the command line, a program of its own, reads what it needs.
 */
import { join, resolve, sep } from 'node:path';
import { isatty } from 'node:tty';
import { Environment } from './environment';
import { POSTGRES_HOSTS_AT_MOST, postgresUrl } from './postgres-url';
import { isUnknown } from './variables';

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

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'];
const LOG_FORMATS = ['json', 'text'] as const;

/**
 * Returns the configuration.
 *
 * @throws ConfigError with every error at once
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const from = new Environment(env);
  const roles = from.words('MONSCALE_ROLE', ROLES, 'all');
  const servers = serversOf(from, roles);
  const { embedded } = servers;
  const dataDir = from.text('MONSCALE_DATA_DIR') ?? './.monscale';
  const host = embedded ? '127.0.0.1' : '0.0.0.0';
  const rulesDir = from.text('MONSCALE_RULES_DIR');
  const config: Config = {
    roles,
    queues: from.words('MONSCALE_QUEUES', QUEUES, 'all'),
    ...servers,
    dataDir,
    http: {
      host: from.text('MONSCALE_HTTP_HOST') ?? host,
      port: from.whole('MONSCALE_HTTP_PORT', 8080, 0, 65_535),
    },
    apiProcesses: from.whole('MONSCALE_API_PROCESSES', 1, 1, 64),
    workerProcesses: from.whole('MONSCALE_WORKER_PROCESSES', 1, 1, 64),
    metricsPort: from.whole('MONSCALE_METRICS_PORT', 9464, 0, 65_535),
    trap: {
      host: from.text('MONSCALE_TRAP_HOST') ?? host,
      port: from.whole('MONSCALE_TRAP_PORT', 1162, 0, 65_535),
    },
    spool: {
      dir: from.text('MONSCALE_SPOOL_DIR') ?? join(dataDir, 'spool'),
      maxBytes: from.whole('MONSCALE_SPOOL_MB', 256, 1, 1_000_000) * 2 ** 20,
    },
    adminToken: from.token('MONSCALE_ADMIN_TOKEN'),
    publicUrl: from.baseUrl('MONSCALE_PUBLIC_URL', 'https://monscale.example'),
    oidc: oidcOf(from),
    docs: from.choice('MONSCALE_DOCS', ['open', 'token', 'off'], 'open'),
    metricsToken: from.token('MONSCALE_METRICS_TOKEN'),
    trustedProxies: from.networks('MONSCALE_TRUSTED_PROXIES'),
    ...secretKeysIn(from),
    secretsFolders: secretsFoldersOf(from, dataDir, embedded),
    rulesDir: rulesDir === undefined ? undefined : resolve(rulesDir),
    killSwitch: from.isOn('MONSCALE_KILL_SWITCH', 'off'),
    maxActionsPerHour: from.whole('MONSCALE_MAX_ACTIONS_PER_HOUR', undefined, 1, 1_000_000),
    allowAddresses: from.networks('MONSCALE_ALLOW_ADDRESSES'),
    samplesRetentionDays: from.whole('MONSCALE_SAMPLES_RETENTION_DAYS', 14, 1, 3_650),
    rollUps: {
      enabled: from.isOn('MONSCALE_ROLL_UPS', 'on'),
      fiveMinutesRetentionDays: from.whole('MONSCALE_ROLL_UPS_5M_RETENTION_DAYS', 90, 1, 3_650),
      hoursRetentionDays: from.whole('MONSCALE_ROLL_UPS_1H_RETENTION_DAYS', 730, 1, 3_650),
    },
    historyRetentionDays: from.whole('MONSCALE_HISTORY_RETENTION_DAYS', 90, 1, 3_650),
    auditRetentionDays: from.whole('MONSCALE_AUDIT_RETENTION_DAYS', 730, 1, 36_500),
    logLevel: from.choice('MONSCALE_LOG_LEVEL', LOG_LEVELS, 'info'),
    logFormat: from.choice('MONSCALE_LOG_FORMAT', LOG_FORMATS, isatty(1) ? 'text' : 'json'),
    tracing: tracingOf(from),
    // Kubernetes adds MONSCALE_PORT_… and MONSCALE_SERVICE_… to pods beside a service named monscale: warn, don't refuse.
    unknownVariables: Object.keys(env).filter(isUnknown),
  };
  if (from.mistakes.length > 0) throw new ConfigError(from.mistakes);
  return Object.freeze(config);
}

const REDIS_SCHEMES = [
  'redis',
  'rediss',
  'redis+sentinel',
  'rediss+sentinel',
  'redis+cluster',
  'rediss+cluster',
];

/** Returns where PostgreSQL and Redis are: both given, or both embedded. */
function serversOf(
  from: Environment,
  roles: readonly Role[],
): Pick<Config, 'databaseUrl' | 'redisUrl' | 'embedded' | 'migrateAtStart'> {
  const databaseUrl = from.url('DATABASE_URL', ['postgres', 'postgresql']);
  const hosts = postgresUrl(databaseUrl ?? '')?.hosts.length ?? 1;
  if (hosts > POSTGRES_HOSTS_AT_MOST)
    from.refuse('DATABASE_URL', `names ${hosts} hosts, and may name ${POSTGRES_HOSTS_AT_MOST} at most`);
  const redisUrl = from.url('REDIS_URL', REDIS_SCHEMES);
  const embedded = databaseUrl === undefined && redisUrl === undefined;
  const migrateAtStart = from.isOn('MONSCALE_MIGRATE_AT_START', 'on');
  if ((databaseUrl === undefined) !== (redisUrl === undefined))
    from.refuse(
      databaseUrl === undefined ? 'DATABASE_URL' : 'REDIS_URL',
      'must be set when the other of DATABASE_URL and REDIS_URL is; unset both for embedded servers',
    );
  if (embedded && roles.length < ROLES.length)
    from.refuse(
      'DATABASE_URL, REDIS_URL',
      'must be set unless MONSCALE_ROLE is all, as embedded servers serve one process group',
    );
  if (embedded && !migrateAtStart)
    from.refuse(
      'MONSCALE_MIGRATE_AT_START',
      'off is for servers of your own: nobody else migrates embedded ones',
    );
  return { databaseUrl, redisUrl, embedded, migrateAtStart };
}

function secretKeysIn(from: Environment): Pick<Config, 'secretKey' | 'secretKeyPrevious'> {
  const secretKey = from.key('MONSCALE_SECRET_KEY');
  const secretKeyPrevious = from.key('MONSCALE_SECRET_KEY_PREVIOUS');
  if (secretKeyPrevious !== undefined && secretKey === undefined)
    from.refuse('MONSCALE_SECRET_KEY_PREVIOUS', 'is the key before MONSCALE_SECRET_KEY, which is not set');
  return { secretKey, secretKeyPrevious };
}

function secretsFoldersOf(from: Environment, dataDir: string, embedded: boolean): readonly string[] {
  const given = from.text('MONSCALE_SECRETS_DIR')?.split(':') ?? [join(dataDir, 'secrets'), '/run/secrets'];
  const folders = given.filter((folder) => folder !== '').map((folder) => resolve(folder));
  for (const folder of folders) {
    if (embedded && `${resolve(dataDir)}${sep}`.startsWith(folder === sep ? sep : `${folder}${sep}`))
      from.refuse(
        'MONSCALE_SECRETS_DIR',
        `${folder} holds the data folder, whose passwords and keys no definition may name`,
      );
  }
  return folders;
}

/** Returns the provider that people may sign in by; undefined where there is none. */
function oidcOf(from: Environment): OidcConfig | undefined {
  const issuer = from.text('MONSCALE_OIDC_ISSUER');
  const clientId = from.text('MONSCALE_OIDC_CLIENT_ID');
  const scopes = from.text('MONSCALE_OIDC_SCOPES') ?? 'openid profile email';
  const roleSource = from.choice('MONSCALE_OIDC_ROLE_SOURCE', ['idp', 'local'], 'local');
  if (issuer === undefined) {
    if (clientId !== undefined)
      from.refuse('MONSCALE_OIDC_ISSUER', 'must be set when MONSCALE_OIDC_CLIENT_ID is');
    return undefined;
  }
  if (!isIssuer(issuer))
    from.refuse(
      'MONSCALE_OIDC_ISSUER',
      'must be a URL such as https://idp.example, without a query; http:// on loopback alone',
    );
  if (!scopes.split(' ').includes('openid'))
    from.refuse('MONSCALE_OIDC_SCOPES', 'must have openid among the scopes, which are separated by spaces');
  if (clientId === undefined) {
    from.refuse('MONSCALE_OIDC_CLIENT_ID', 'must be set when MONSCALE_OIDC_ISSUER is');
    return undefined;
  }
  return {
    issuer,
    clientId,
    clientSecret: from.text('MONSCALE_OIDC_CLIENT_SECRET'),
    scopes,
    groupsClaim: from.text('MONSCALE_OIDC_GROUPS_CLAIM') ?? 'groups',
    roleSource,
  };
}

/** Returns where traces go, and checks what OpenTelemetry's packages read themselves; undefined where nothing is traced. */
function tracingOf(from: Environment): TracingConfig | undefined {
  const isOff = from.text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true';
  const endpoint = isOff ? undefined : from.webUrl('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://localhost:4318');
  // They may be set for other programs.
  if (endpoint === undefined) return undefined;
  from.choice('OTEL_EXPORTER_OTLP_PROTOCOL', ['http/json', 'http/protobuf'], 'http/json');
  from.choice('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on');
  const share = from.text('OTEL_TRACES_SAMPLER_ARG') ?? '1';
  if (!/^(?:[01](?:\.\d*)?|\.\d+)$/.test(share) || Number(share) > 1)
    from.refuse('OTEL_TRACES_SAMPLER_ARG', `${JSON.stringify(share)} is not a number from 0 to 1`);
  from.checkNamedValues('OTEL_EXPORTER_OTLP_HEADERS');
  from.checkNamedValues('OTEL_RESOURCE_ATTRIBUTES');
  const serviceName = from.text('OTEL_SERVICE_NAME') ?? 'monscale';
  return { url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, serviceName };
}

/** Tells whether a text can be an issuer (OpenID Connect Discovery, 3), to which secrets go over TLS or loopback. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, search, hash, username, password } = new URL(text);
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  const isBare = [search, hash, username, password].every((part) => part === '');
  return isBare && (protocol === 'https:' || (protocol === 'http:' && isLoopback));
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
