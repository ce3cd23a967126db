import { ConfigError, readConfig, strangersEnvironment } from './config';

const REAL = { DATABASE_URL: 'postgres://u:p@db/m', REDIS_URL: 'redis://cache' };

function mistakesOf(env: NodeJS.ProcessEnv): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
}

test('nothing set is everything on embedded servers, for this machine alone', () => {
  expect(readConfig({})).toMatchObject({
    roles: ['api', 'scheduler', 'worker', 'trap'],
    queues: ['polls', 'alerts', 'actions'],
    embedded: true,
    http: { host: '127.0.0.1', port: 8080 },
    trap: { host: '127.0.0.1', port: 1162 },
    killSwitch: false,
  });
});

test('with real servers the API and the trap listener are for everybody', () => {
  expect(readConfig(REAL)).toMatchObject({
    embedded: false,
    http: { host: '0.0.0.0' },
    trap: { host: '0.0.0.0' },
  });
});

test('roles and queues are lists of known words', () => {
  expect(readConfig({ ...REAL, MONSCALE_ROLE: 'worker, api', MONSCALE_QUEUES: 'polls' })).toMatchObject({
    roles: ['api', 'worker'],
    queues: ['polls'],
  });
});

test('DATABASE_URL names 16 hosts at most; more are refused, and its password is not told', () => {
  const naming = (count: number) => {
    const hosts = Array.from({ length: count }, (_, index) => `db-${index}:5432`).join(',');
    return { ...REAL, DATABASE_URL: `postgres://monscale:hush,hush@${hosts}/monscale` };
  };
  expect(mistakesOf(naming(16))).toEqual([]);
  expect(mistakesOf(naming(17))).toEqual(['DATABASE_URL: names 17 hosts, and may name 16 at most']);
});

test('every mistake is reported at once, by the name of its variable', () => {
  const mistakes = mistakesOf({
    ...REAL,
    MONSCALE_ROLE: 'api,wroker',
    MONSCALE_HTTP_PORT: '80a',
    MONSCALE_SECRET_KEY: 'short',
    MONSCALE_KILL_SWITCH: 'maybe',
    MONSCALE_ALLOW_ADDRESSES: '169.254.0.0/16, 10.0.0.0/33',
    MONSCALE_SAMPLES_RETENTION_DAYS: '0',
  });
  expect(mistakes).toEqual([
    expect.stringMatching(/MONSCALE_ROLE.*"wroker".*api, scheduler, worker, trap/),
    expect.stringContaining('MONSCALE_HTTP_PORT'),
    expect.stringContaining('MONSCALE_SECRET_KEY'),
    expect.stringContaining('MONSCALE_KILL_SWITCH'),
    expect.stringMatching(/MONSCALE_ALLOW_ADDRESSES.*"10\.0\.0\.0\/33"/),
    expect.stringContaining('MONSCALE_SAMPLES_RETENTION_DAYS'),
  ]);
});

test.each([
  [{ MONSCALE_ROLE: 'worker' }, /DATABASE_URL/],
  [{ DATABASE_URL: REAL.DATABASE_URL }, /REDIS_URL/],
  [{ ...REAL, DATABASE_URL: 'mysql://u:geheim@db' }, /DATABASE_URL/],
])('%j is refused', (env, message) => {
  const mistakes = mistakesOf(env);
  expect(mistakes).toEqual([expect.stringMatching(message)]);
  expect(mistakes.join()).not.toContain('geheim');
});

test('addresses to allow are addresses and networks', () => {
  const { allowAddresses } = readConfig({ MONSCALE_ALLOW_ADDRESSES: '169.254.169.254, fe80::/10' });
  expect(allowAddresses).toEqual(['169.254.169.254', 'fe80::/10']);
  expect(readConfig({}).allowAddresses).toEqual([]);
});

test.each([
  [{ MONSCALE_ADMIN_TOKEN: 'x' }, /MONSCALE_ADMIN_TOKEN: must have at least 16 characters/],
  [{ MONSCALE_ADMIN_TOKEN: 'fifteen-letters' }, /at least 16 characters/],
  [{ MONSCALE_ADMIN_TOKEN: 'sixteen letters and spaces' }, /without spaces/],
  [{ MONSCALE_SECRET_KEY_PREVIOUS: Buffer.alloc(32).toString('base64') }, /MONSCALE_SECRET_KEY, which is not set/],
  [{ MONSCALE_SECRET_KEY: Buffer.alloc(32).toString('base64'), MONSCALE_SECRET_KEY_PREVIOUS: 'short' }, /_PREVIOUS: must be 32 bytes/],
  [{ MONSCALE_SECRETS_DIR: '/srv/.monscale', MONSCALE_DATA_DIR: '/srv/.monscale' }, /holds the data folder/],
  [{ MONSCALE_SECRETS_DIR: '/run/secrets:/', MONSCALE_DATA_DIR: '/srv/.monscale' }, /holds the data folder/],
  [{ MONSCALE_SECRETS_DIR: '/srv/', MONSCALE_DATA_DIR: '/srv/x/../.monscale' }, /holds the data folder/],
])('%j is refused: it would keep no secret', (env, message) => {
  expect(mistakesOf(env as NodeJS.ProcessEnv)).toEqual([expect.stringMatching(message)]);
}); // prettier-ignore

test.each([
  [{ MONSCALE_MIGRATE_AT_START: 'off' }, /MONSCALE_MIGRATE_AT_START: off is for servers of your own/],
  [{ MONSCALE_MIGRATE_AT_START: 'never' }, /MONSCALE_MIGRATE_AT_START: "never" is not one of on, off/],
  [{ MONSCALE_METRICS_TOKEN: 'short' }, /MONSCALE_METRICS_TOKEN: must have at least 16 characters/],
  [{ MONSCALE_METRICS_TOKEN: 'letters and spaces in it' }, /MONSCALE_METRICS_TOKEN: .*without spaces/],
  [{ MONSCALE_DOCS: 'closed' }, /MONSCALE_DOCS: "closed" is not one of open, token, off/],
  [{ MONSCALE_TRUSTED_PROXIES: '10.0.0.0/8, my-proxy' }, /MONSCALE_TRUSTED_PROXIES: "my-proxy" is neither/],
  [{ MONSCALE_TRUSTED_PROXIES: '10.0.0.0/' }, /"10.0.0.0\/" is neither/],
  [{ MONSCALE_TRUSTED_PROXIES: 'fd00::/129' }, /"fd00::\/129" is neither/],
  [{ MONSCALE_PUBLIC_URL: 'monscale.example' }, /MONSCALE_PUBLIC_URL: must be a URL that starts with https:/],
  [{ MONSCALE_PUBLIC_URL: 'https://' }, /MONSCALE_PUBLIC_URL: must be a URL such as/],
  [{ MONSCALE_PUBLIC_URL: 'https://u:p@h/x' }, /MONSCALE_PUBLIC_URL: .*without a user, a query or a fragment$/],
  [{ MONSCALE_PUBLIC_URL: 'https://h/x?y=1' }, /MONSCALE_PUBLIC_URL: .*without a user, a query or a fragment$/],
  [{ MONSCALE_PUBLIC_URL: 'https://h/x#' }, /MONSCALE_PUBLIC_URL: .*without a user, a query or a fragment$/],
])('%j is refused: something would be open that was to be closed', (env, message) => {
  expect(mistakesOf(env as NodeJS.ProcessEnv)).toEqual([expect.stringMatching(message)]);
}); // prettier-ignore

test('what may be closed is open, and no proxy is believed, unless it is said', () => {
  const { docs, metricsToken, trustedProxies, publicUrl } = readConfig({});
  expect([docs, metricsToken, trustedProxies, publicUrl]).toEqual(['open', undefined, [], undefined]);
  expect(readConfig({ MONSCALE_TRUSTED_PROXIES: '10.0.0.0/8,::1, ' }).trustedProxies).toEqual([
    '10.0.0.0/8',
    '::1',
  ]);
});

test('files that definitions may name lie in the data folder and where containers have them', () => {
  const folders = (env: NodeJS.ProcessEnv) => readConfig(env).secretsFolders;
  expect(folders({ MONSCALE_DATA_DIR: '/srv/m' })).toEqual(['/srv/m/secrets', '/run/secrets']);
  expect(folders({ MONSCALE_SECRETS_DIR: '/a:/b/c/:' })).toEqual(['/a', '/b/c']);
});

test('variables of definitions are no mistake', () => {
  expect(readConfig({ MONSCALE_PARAM_SMTP_PASSWORD: 'x' }).unknownVariables).toEqual([]);
});

test('a variable that looks like ours and is not is told', () => {
  expect(readConfig({ MONSCALE_ROEL: 'api' }).unknownVariables).toEqual(['MONSCALE_ROEL']);
});

describe('a provider to sign in by', () => {
  const OIDC = {
    MONSCALE_OIDC_ISSUER: 'https://idp.example/realms/ops',
    MONSCALE_OIDC_CLIENT_ID: 'monscale',
  };

  test('has defaults, of which none gives a right', () => {
    expect(readConfig({}).oidc).toBeUndefined();
    expect(readConfig(OIDC).oidc).toEqual({
      issuer: 'https://idp.example/realms/ops',
      clientId: 'monscale',
      clientSecret: undefined,
      scopes: 'openid profile email',
      groupsClaim: 'groups',
      roleSource: 'local',
    });
  });

  test.each([
    ['MONSCALE_OIDC_CLIENT_ID', { MONSCALE_OIDC_CLIENT_ID: '' }],
    ['MONSCALE_OIDC_ISSUER', { MONSCALE_OIDC_ISSUER: '' }],
    ['MONSCALE_OIDC_ISSUER', { MONSCALE_OIDC_ISSUER: 'idp.example' }],
    ['MONSCALE_OIDC_ISSUER', { MONSCALE_OIDC_ISSUER: 'http://idp.example' }],
    ['MONSCALE_OIDC_ISSUER', { MONSCALE_OIDC_ISSUER: 'http://127.0.0.1.example' }],
    ['MONSCALE_OIDC_ISSUER', { MONSCALE_OIDC_ISSUER: 'https://idp.example/?x=1' }],
    ['MONSCALE_OIDC_ISSUER', { MONSCALE_OIDC_ISSUER: 'https://user:password@idp.example' }],
    ['MONSCALE_OIDC_SCOPES', { MONSCALE_OIDC_SCOPES: 'profile,openid' }],
    ['MONSCALE_OIDC_ROLE_SOURCE', { MONSCALE_OIDC_ROLE_SOURCE: 'both' }],
  ])('%s is told to be wrong', (name, env) => {
    const mistakes = mistakesOf({ ...OIDC, ...env });
    expect(mistakes).toEqual([expect.stringContaining(`${name}: `)]);
    expect(mistakes.join()).not.toContain('password');
  });

  test('on loopback may do without TLS', () => {
    for (const host of ['127.0.0.1:4000', 'localhost', '[::1]:80'])
      expect(mistakesOf({ ...OIDC, MONSCALE_OIDC_ISSUER: `http://${host}` })).toEqual([]);
  });
});

describe('traces', () => {
  const OTEL = { ...REAL, OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318/otlp/' };

  test('are made where a collector is named, and at no path of its own but that of traces', () => {
    expect(readConfig(REAL).tracing).toBeUndefined();
    expect(readConfig(OTEL).tracing).toEqual({
      url: 'https://collector:4318/otlp/v1/traces',
      serviceName: 'monscale',
    });
    expect(readConfig({ ...OTEL, OTEL_SERVICE_NAME: 'scaler' }).tracing).toMatchObject({
      serviceName: 'scaler',
    });
    expect(readConfig({ ...OTEL, OTEL_SDK_DISABLED: 'TRUE' }).tracing).toBeUndefined();
  });

  test('variables of the standard that are meant for other programs are no mistakes', () => {
    const others = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER: 'xray' };
    expect(mistakesOf({ ...REAL, ...others })).toEqual([]);
    expect(readConfig({ ...OTEL, OTEL_METRICS_EXPORTER: 'none' }).unknownVariables).toEqual([]);
  });

  test.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /^OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://[' }, /^OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL such as/],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /^OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not one of/],
    [{ OTEL_TRACES_SAMPLER: 'sometimes' }, /^OTEL_TRACES_SAMPLER: "sometimes" is not one of always_on/],
    [{ OTEL_TRACES_SAMPLER_ARG: '1.5' }, /^OTEL_TRACES_SAMPLER_ARG: "1.5" is not a number from 0 to 1$/],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'production' }, /^OTEL_RESOURCE_ATTRIBUTES: must be name=value/],
    [{ OTEL_TRACES_SAMPLER_ARG: '1%' }, /^OTEL_TRACES_SAMPLER_ARG/],
  ])('%j is a mistake', (env, message) => {
    expect(mistakesOf({ ...OTEL, ...env })).toEqual([expect.stringMatching(message)]);
  });

  test('headers that are none are a mistake, and are not repeated', () => {
    const [mistake, ...others] = mistakesOf({ ...OTEL, OTEL_EXPORTER_OTLP_HEADERS: 'a=1,the-secret' });
    expect(others).toEqual([]);
    expect(mistake).toBe('OTEL_EXPORTER_OTLP_HEADERS: must be name=value, separated by commas');
    const good = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20x, x-tenant=a=b' };
    expect(mistakesOf({ ...OTEL, ...good })).toEqual([]);
  });

  test('go to no process that talks to targets: their headers are a secret', () => {
    expect(strangersEnvironment({ OTEL_EXPORTER_OTLP_HEADERS: 'a=secret', PATH: '/bin' })).toEqual({
      PATH: '/bin',
    });
  });
});
