/**
 * Variable of the environment that monscale knows. The parser (`config.ts`) takes its names from here, unknown names
 * are warned about, and `.env.example` and `docs/configuration.md` are written from it: `npm run docs:variables`.
 */
export interface Variable {
  readonly name: string;
  /** Default as it is shown to people: a value, or words. */
  readonly default: string;
  /** Markdown, for the page of `docs/`. */
  readonly meaning: string;
  /** Example shown commented out in `.env.example`; without it, that file says `NAME=<default>`. */
  readonly example?: string;
  /** Text that only `.env.example` adds, such as a command that makes a value. */
  readonly hint?: string;
}

const SERVER_VARIABLES = [
  {
    name: 'MONSCALE_ROLE',
    default: 'all',
    meaning: 'what this process does: `api`, `scheduler`, `worker`, `trap`, a comma list of them, or `all`',
  },
  {
    name: 'MONSCALE_QUEUES',
    default: 'all',
    meaning: 'queues that a worker serves: `polls`, `alerts`, `actions`, a comma list of them, or `all`',
  },
  {
    name: 'DATABASE_URL',
    default: 'unset',
    meaning:
      'PostgreSQL; of several hosts (`postgres://user:password@one:5432,two:5432/monscale`) the one that takes writes; `DATABASE_URL` and `REDIS_URL` both unset: embedded servers, for the role `all` alone',
    example: 'postgres://monscale:password@localhost:5432/monscale',
  },
  {
    name: 'REDIS_URL',
    default: 'unset',
    meaning:
      'Redis; also `redis+sentinel://[:password@]host:port,host:port/master[/db]` or `redis+cluster://[:password@]host:port,host:port`; `rediss…` for TLS',
    example: 'redis://localhost:6379/0',
  },
  {
    name: 'MONSCALE_MIGRATE_AT_START',
    default: 'on',
    meaning:
      '`off`: this process never [migrates](operations.md#updates) the database; it is not ready until `npx monscale migrate` has',
  },
  {
    name: 'MONSCALE_DATA_DIR',
    default: './.monscale',
    meaning: 'where embedded servers keep their data',
  },
  {
    name: 'MONSCALE_HTTP_HOST',
    default: '127.0.0.1 embedded, else 0.0.0.0',
    meaning: 'where the API listens',
    example: '127.0.0.1',
  },
  { name: 'MONSCALE_HTTP_PORT', default: '8080', meaning: 'port of the API' },
  {
    name: 'MONSCALE_API_PROCESSES',
    default: '1',
    meaning:
      'processes that answer on the port of the API, as many as cores that alerts may use; the first has all the roles',
  },
  {
    name: 'MONSCALE_WORKER_PROCESSES',
    default: '1',
    meaning:
      "processes that poll, decide and act, as many as cores that a worker may use, when the role `worker` is among this one's",
  },
  {
    name: 'MONSCALE_METRICS_PORT',
    default: '9464',
    meaning: '`/health` and `/metrics` of processes without the role `api`',
  },
  {
    name: 'MONSCALE_TRAP_HOST',
    default: '127.0.0.1 embedded, else 0.0.0.0',
    meaning: 'where SNMP notifications are received',
    example: '0.0.0.0',
  },
  {
    name: 'MONSCALE_TRAP_PORT',
    default: '1162',
    meaning: 'port of SNMP notifications, UDP',
  },
  {
    name: 'MONSCALE_SPOOL_DIR',
    default: 'spool in the data folder',
    meaning: 'where SNMP notifications wait while PostgreSQL is away or slower than they come',
    example: './.monscale/spool',
  },
  {
    name: 'MONSCALE_SPOOL_MB',
    default: '256',
    meaning: 'how much of the disk the spool may take',
  },
  {
    name: 'MONSCALE_PUBLIC_URL',
    default: 'unset',
    meaning:
      'where people and senders reach the API and the [console](console.md), with the path they are below, if any: decides which cookies and origins are ours (see [signing in](signing-in.md)); with `https://` browsers are told to stay with TLS (see [security](security.md))',
    example: 'https://monscale.example',
  },
  {
    name: 'MONSCALE_TRUSTED_PROXIES',
    default: 'unset',
    meaning: 'addresses and networks, a comma list, of proxies whose `X-Forwarded-For` is believed',
    example: '10.0.0.0/8',
  },
  {
    name: 'MONSCALE_DOCS',
    default: 'open',
    meaning:
      'who may read `/docs` and `/docs-json`: `open` (everybody), `token` (whoever has the right to read) or `off` (nobody)',
  },
  {
    name: 'MONSCALE_METRICS_TOKEN',
    default: 'unset',
    meaning:
      'bearer token that `/metrics` asks for, and that `/api/v1/scaling` takes; unset: everybody may read `/metrics`',
    example: '',
    hint: 'openssl rand -hex 24',
  },
  {
    name: 'MONSCALE_ADMIN_TOKEN',
    default: 'unset; embedded: made at the first start',
    meaning:
      'bearer token of the built-in administrator, who [may do everything](people.md), at least 16 characters',
    example: '',
    hint: 'openssl rand -hex 24',
  },
  {
    name: 'MONSCALE_OIDC_ISSUER',
    default: 'unset',
    meaning:
      'the provider that people [sign in](signing-in.md) by (OpenID Connect): its issuer, with `https://`, on loopback also `http://`',
    example: 'https://idp.example/realms/ops',
  },
  {
    name: 'MONSCALE_OIDC_CLIENT_ID',
    default: 'unset',
    meaning: 'id of monscale as a client of the provider',
    example: 'monscale',
  },
  {
    name: 'MONSCALE_OIDC_CLIENT_SECRET',
    default: 'unset',
    meaning: 'its secret; unset for a public client, which PKCE alone protects',
    example: '',
  },
  {
    name: 'MONSCALE_OIDC_SCOPES',
    default: 'openid profile email',
    meaning: 'scopes that the provider is asked for; `openid` must be among them',
    example: 'openid profile email groups',
  },
  {
    name: 'MONSCALE_OIDC_GROUPS_CLAIM',
    default: 'groups',
    meaning: 'claim with the groups of a user, a text or a list',
  },
  {
    name: 'MONSCALE_OIDC_ROLE_SOURCE',
    default: 'local',
    meaning:
      '`idp`: groups that the provider names at each sign-in count for grants to groups; `local`: only those that are given here',
  },
  {
    name: 'MONSCALE_SECRET_KEY',
    default: 'unset; embedded: made at the first start',
    meaning: 'encrypts secrets at rest: 32 bytes in base64',
    example: '',
    hint: 'openssl rand -base64 32',
  },
  {
    name: 'MONSCALE_SECRET_KEY_PREVIOUS',
    default: 'unset',
    meaning:
      'the key before, while `npx monscale rotate-key` brings [secrets](secrets.md) that are stored under the new one',
    example: '',
  },
  {
    name: 'MONSCALE_SECRETS_DIR',
    default: 'secrets in the data folder, and /run/secrets',
    meaning:
      'folders of files that definitions may name for secrets by `{"file": "/path"}`, separated by colons; variables that they may name by `{"env": "NAME"}` begin with `MONSCALE_PARAM_`',
    example: './.monscale/secrets:/run/secrets',
  },
  {
    name: 'MONSCALE_RULES_DIR',
    default: 'unset',
    meaning:
      'folder of [rules in files](rules-as-code.md#rules-in-a-folder), applied by a process with the role `scheduler` whenever they change: a mounted ConfigMap, a checkout of git-sync, or an ordinary folder',
    example: '/etc/monscale/rules',
  },
  {
    name: 'MONSCALE_KILL_SWITCH',
    default: 'off',
    meaning: '`on`: decisions are taken and recorded, no action is executed',
  },
  {
    name: 'MONSCALE_MAX_ACTIONS_PER_HOUR',
    default: 'unset',
    meaning: 'executions that may begin in an hour, of all services together; others wait; unset: any number',
    example: '',
  },
  {
    name: 'MONSCALE_ALLOW_ADDRESSES',
    default: 'unset',
    meaning:
      'addresses and networks, a comma list, that may be connected to although they are link-local or serve cloud metadata',
    example: '169.254.10.0/24',
  },
  {
    name: 'MONSCALE_SAMPLES_RETENTION_DAYS',
    default: '14',
    meaning: 'how long samples are kept',
  },
  {
    name: 'MONSCALE_ROLL_UPS',
    default: 'on',
    meaning: '`off`: no steps of 5 minutes and of an hour are made of [samples](history.md)',
  },
  {
    name: 'MONSCALE_ROLL_UPS_5M_RETENTION_DAYS',
    default: '90',
    meaning: 'how long steps of 5 minutes are kept, at least as long as samples',
  },
  {
    name: 'MONSCALE_ROLL_UPS_1H_RETENTION_DAYS',
    default: '730',
    meaning: 'how long steps of an hour are kept, at least as long as those of 5 minutes',
  },
  {
    name: 'MONSCALE_HISTORY_RETENTION_DAYS',
    default: '90',
    meaning: 'how long alerts, decisions and executions that have ended are kept',
  },
  {
    name: 'MONSCALE_AUDIT_RETENTION_DAYS',
    default: '730',
    meaning: 'how long the audit is kept, and the versions of definitions that were deleted',
  },
  { name: 'MONSCALE_LOG_LEVEL', default: 'info', meaning: '`debug`, `info`, `warn` or `error`' },
  {
    name: 'MONSCALE_LOG_FORMAT',
    default: 'unset',
    meaning: '`text` for people or `json` for programs; unset: text on a terminal, JSON elsewhere',
    example: 'json',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    default: 'unset',
    meaning:
      'collector that [traces](tracing.md) are sent to, by OTLP over HTTP: `/v1/traces` is added; unset: nothing is traced',
    example: 'http://localhost:4318',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_PROTOCOL',
    default: 'http/json',
    meaning:
      'must be of OTLP over HTTP, `http/json` or `http/protobuf`, and JSON is sent: receivers take both at one address',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_HEADERS',
    default: 'unset',
    meaning: 'headers that the collector asks for, `name=value,name=value`, values percent-encoded; secret',
    example: 'authorization=Bearer%20token',
  },
  {
    name: 'OTEL_SERVICE_NAME',
    default: 'monscale',
    meaning: '`service.name` of the traces',
  },
  {
    name: 'OTEL_RESOURCE_ATTRIBUTES',
    default: 'unset',
    meaning: 'what else the traces say of this process, `name=value,name=value`',
    example: 'deployment.environment.name=production',
  },
  {
    name: 'OTEL_TRACES_SAMPLER',
    default: 'parentbased_always_on',
    meaning:
      'which traces are recorded: `always_on`, `always_off`, `traceidratio`, or one of these with `parentbased_` in front, which follows a sender that has decided',
  },
  {
    name: 'OTEL_TRACES_SAMPLER_ARG',
    default: '1',
    meaning: 'share that `traceidratio` records, from 0 to 1',
  },
  {
    name: 'OTEL_SDK_DISABLED',
    default: 'false',
    meaning: '`true`: nothing is traced, whatever else is set',
  },
] as const satisfies readonly Variable[];

/** Names that the program reads; the compiler refuses others in the parser. */
export type VariableName = (typeof SERVER_VARIABLES)[number]['name'];

/** Variables of the program, in the order in which people are shown them. */
export const VARIABLES: readonly Variable[] = SERVER_VARIABLES;

/** Variables that only the command line (`npx monscale`) reads. */
export const CLI_VARIABLES: readonly Variable[] = [
  {
    name: 'MONSCALE_URL',
    default: 'http://127.0.0.1:8080',
    meaning: 'the server that commands ask',
  },
  {
    name: 'MONSCALE_TOKEN',
    default: '`MONSCALE_ADMIN_TOKEN`, else what `npm start` keeps in the data folder',
    meaning: 'its token',
  },
];

const PREFIX = 'MONSCALE_';
/** Prefix of operators' own variables, which definitions may name for secrets. */
const PARAM_PREFIX = 'MONSCALE_PARAM_';

/** Known names without the prefix `MONSCALE_`, as candidates for a misspelt one. */
export const KNOWN_SUFFIXES: readonly string[] = [...VARIABLES, ...CLI_VARIABLES]
  .filter(({ name }) => name.startsWith(PREFIX))
  .map(({ name }) => name.slice(PREFIX.length));

/** Tells whether a name looks like one of ours and is not known, so probably misspelt. */
export const isUnknown = (name: string): boolean =>
  name.startsWith(PREFIX) &&
  !name.startsWith(PARAM_PREFIX) &&
  !KNOWN_SUFFIXES.includes(name.slice(PREFIX.length));
