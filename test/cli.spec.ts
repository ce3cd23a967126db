import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADMIN_TOKEN, quickStart, secret, SECRET_KEY, until, World, type MonscaleProcess } from './program';
import { WebhookSink } from './stand-ins/webhook-sink';

const ROOT = join(__dirname, '..');
const MAIN = join(ROOT, 'dist', 'src', 'cli', 'main.js');

interface Ran {
  code: number;
  out: string;
  err: string;
}

const RULES = `infrastructures:
  - name: pool
    nodes: { type: static_count, params: { value: 2 } }
actions:
  - { name: tell, type: log_message, params: { message: up } }
services:
  - name: web
    enabled: false
    intervalSeconds: 10
    metrics: { jobs: { type: redis_list_length, params: { url: { env: MONSCALE_PARAM_LIST_URL }, key: x } } }
    condition: jobs > 10
    holdSeconds: 20
    infrastructure: pool
    direction: up
    actions: [tell]
`;

describe('the command line', () => {
  let world: World;
  let program: MonscaleProcess;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'cli '));
    world = await World.create();
    program = await world.start('api');
  }, 60_000);

  afterAll(() => world?.end());

  const env = () => ({ MONSCALE_URL: program.url, MONSCALE_TOKEN: ADMIN_TOKEN });

  const run = (args: string[], variables: Record<string, string> = env(), input = ''): Promise<Ran> =>
    new Promise((resolve) => {
      const options = {
        cwd: folder,
        env: { PATH: process.env.PATH, MONSCALE_DATA_DIR: folder, NODE_OPTIONS: quickStart(), ...variables },
        timeout: 20_000,
      };
      const child = execFile(process.execPath, [MAIN, ...args], options, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      );
      child.stdin?.end(input);
    });

  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };

  it('a document goes from plan to import to nothing to do, and out again', async () => {
    file('rules.yaml', RULES);
    const plan = await run(['plan', 'rules.yaml']);
    expect(plan).toEqual({
      code: 2,
      err: '',
      out: '+ infrastructure pool\n+ action tell\n+ service web\n3 to create, 0 to change, 0 unchanged\n',
    });
    expect((await program.api.get('/services')).body.items).toEqual([]);
    expect((await run(['import', 'rules.yaml'])).out).toContain('3 created, 0 changed, 0 unchanged');
    expect(await run(['plan', 'rules.yaml'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('= service web'),
    });

    file('rules.yaml', RULES.replace('jobs > 10', 'jobs > 20'));
    const change = await run(['plan', 'rules.yaml']);
    expect(change).toMatchObject({
      code: 2,
      out: expect.stringContaining('~ service web\n    /condition\n'),
    });
    await run(['import', 'rules.yaml']);

    const [printed, written] = [await run(['export']), await run(['export', '--file', 'all.json'])];
    expect(printed).toMatchObject({ code: 0, out: expect.stringContaining('condition: jobs > 20') });
    expect(written).toEqual({ code: 0, out: '', err: '' });
    expect(JSON.parse(readFileSync(join(folder, 'all.json'), 'utf8'))).toMatchObject({ monscale: 1 });
    for (const name of ['all.json', file('all.yaml', printed.out)])
      expect(await run(['plan', name])).toMatchObject({ code: 0 });
  });

  it('status says what is wrong and what waits, and its exit code tells', async () => {
    const calm = await run(['status']);
    expect(calm).toMatchObject({ code: 2, err: '' });
    expect(calm.out).toMatch(/^wrong now:\n {2}no process with the role scheduler lives\n {2}no process with the role worker lives\nnothing waits/);
    expect(calm.out).toMatch(/processes:\n {2}api on \S+, process \d+, since /);
    const helper = await world.start('scheduler,worker');
    expect(await run(['status'])).toMatchObject({ code: 0, out: expect.stringMatching(/^nothing is wrong\nnothing waits for a person\n/) });
    await program.api.create('/actions', { name: 'speak', type: 'log_message', params: { message: 'x' }, labels: { team: 'web' } });
    await program.api.create('/services', {
      name: 'asks', labels: { team: 'web' }, mode: 'approve', actions: ['speak'], condition: 'm > 0',
      metrics: { m: { type: 'alert', params: { match: { host: 'asks' } } } },
    });
    await program.api.post('/alerts', { labels: { host: 'asks' } });
    await until(async () => (await program.api.get('/executions?status=awaiting_approval')).body.total === 1, 10_000);
    await program.api.put('/kill-switch', { on: true, reason: 'a test' });
    const busy = await run(['status']);
    expect(busy.code).toBe(2);
    expect(busy.out).toContain('everything is stopped by the administrator: a test');
    expect(busy.out).toMatch(/asks: alarm \(\w+\) since /);
    expect(busy.out).toContain('1 to approve or reject (speak for asks)');
    await program.api.put('/kill-switch', { on: false, reason: '' });
    const { token } = await program.api.create('/tokens', { name: 'of a team', role: 'viewer', scope: { labels: { team: 'web' } } });
    const scoped = await run(['status'], { ...env(), MONSCALE_TOKEN: secret(token) });
    expect(scoped).toMatchObject({ code: 2, out: expect.stringContaining('this token may not read them') });
    expect((await run(['status'], { ...env(), MONSCALE_TOKEN: 'wrong' })).code).toBe(1);
    expect((await run(['status'], { MONSCALE_URL: 'http://127.0.0.1:9' })).code).toBe(1);
    await program.api.delete('/services/asks');
    await helper.stop();
  }, 60_000); // prettier-ignore

  it('every mistake is a line with its pointer, and exit code 1', async () => {
    file('bad.yaml', RULES.replace('jobs > 10', 'jobs >').replace('log_message', 'guess'));
    for (const { code, out, err } of await Promise.all([
      run(['plan', 'bad.yaml']),
      run(['import', 'bad.yaml']),
    ])) {
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/^monscale: \/actions\/0\/type: .*\nmonscale: \/services\/0\/condition: /);
    }
    file('broken.yaml', 'services: [\n');
    file('broken.json', '{"services": ');
    const failures = [
      run(['plan', 'broken.yaml']),
      run(['plan', 'broken.json']),
      run(['plan', 'no-such.yaml']),
      run(['why', 'no-such']),
      run(['why', 'web', '--at', 'yesterday']),
      run(['plan', 'bad.yaml'], { MONSCALE_URL: 'nonsense' }),
      run(['export'], { MONSCALE_URL: 'http://127.0.0.1:9', MONSCALE_TOKEN: 'x' }),
      run(['export'], { ...env(), MONSCALE_TOKEN: 'wrong' }),
      run(['simulate', 'web', '--nodes', 'many']),
      run(['fly']),
      run(['plan']),
    ];
    for (const { code, out, err } of await Promise.all(failures)) {
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err.split('\n').length).toBeLessThan(4);
      expect(err).not.toMatch(/^ +at |TypeError|Error:/m);
    }
  });

  it('what can not be read is named, and no database is made to say that there is none', async () => {
    const rotated = await run(['rotate-key'], { MONSCALE_DATA_DIR: join(folder, 'absent') });
    expect(rotated).toMatchObject({ code: 1, err: expect.stringMatching(/^monscale: there is no database in .*absent: set DATABASE_URL/) });
    expect(existsSync(join(folder, 'absent'))).toBe(false);
    for (const command of ['apply', 'plan'])
      expect(await run([command, folder])).toMatchObject({ code: 1, err: `monscale: ${folder} is a folder, not a file\n` });
  }); // prettier-ignore

  it('its token comes from a file, from the environment, or from the data folder, and stands on no command line', async () => {
    const url = { MONSCALE_URL: program.url };
    expect(await run(['export'], url)).toMatchObject({ code: 1, err: expect.stringContaining('--token') });
    const shown = await run(['export', '--token', ADMIN_TOKEN], url);
    expect(shown).toMatchObject({ code: 1, err: expect.stringContaining('can be read by every user') });
    expect(shown.err).not.toContain(ADMIN_TOKEN);
    expect((await run(['export', '--token-file', file('a-token', ADMIN_TOKEN)], url)).code).toBe(0);
    expect((await run(['export', '--token', '-'], url, `${ADMIN_TOKEN}\n`)).code).toBe(0);
    expect(await run(['export', '--token', '-'], url)).toMatchObject({
      code: 1,
      err: expect.stringContaining('no token'),
    });
    expect((await run(['--url', program.url, 'export'], { MONSCALE_ADMIN_TOKEN: ADMIN_TOKEN })).code).toBe(0);
    file('admin-token', `${ADMIN_TOKEN}\n`);
    expect((await run(['export'], url)).code).toBe(0);
    expect((await run(['--help'])).out).not.toContain(ADMIN_TOKEN);
  });

  it('tells why a service is as it is', async () => {
    const { code, out } = await run(['why', 'web']);
    expect(code).toBe(0);
    expect(out).toMatch(/^web at \d{4}-.*: \w+ \(\w+\), from /);
  });

  it('tries a rule on given numbers, beside another', async () => {
    file('series.json', JSON.stringify({ jobs: [[0, 5], [30, 15], [120, 0], [200, 0]] })); // prettier-ignore
    file('rules.yaml', RULES.replace('enabled: false', 'enabled: true'));
    file(
      'patient.yaml',
      RULES.replace('enabled: false', 'enabled: true').replace('holdSeconds: 20', 'holdSeconds: 600'),
    );
    const { code, out, err } = await run([
      'simulate', 'rules.yaml', '--series', 'series.json', '--nodes', '2', '--compare', 'patient.yaml',
    ]); // prettier-ignore
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^triggers at 50 s: jobs 15; nodes 2 -> 3$/m);
    expect(out).toMatch(/^1 triggers, .* s in alarm/m);
    expect(out).toMatch(/^\+ triggers at 50 s/m);
  });

  it('takes what monscale 2014 exported', async () => {
    const exported = [
      { type: 'ScaleAction', name: 'up', action: 'launch_cloudforms_vmachine', data: {} },
      { type: 'ScaleAction', name: 'say', action: 'log_info_message', data: { message: 'hi' } },
    ];
    file('2014.json', JSON.stringify(exported));
    expect(await run(['plan', '2014.json'])).toMatchObject({ code: 1, err: expect.stringContaining('/0') });
    const { out } = await run(['import', '2014.json', '--skip-unmappable']);
    expect(out).toContain('+ action say\n! action up is left out\n');
    expect(out).toContain('1 left out');
  });

  it('brings secrets under another key, while old and new are accepted; one that is lost is not forgotten', async () => {
    const [young, lost] = [1, 2].map(() => secret(randomBytes(32).toString('base64'))) as [string, string];
    const sink = new WebhookSink();
    const url = await sink.start();
    const credentials = secret('the-credentials-of-the-hook');
    const headers = { Authorization: `Bearer ${credentials}` };
    const hook = (name: string) => ({ name, type: 'webhook', params: { url, headers }, retry: { attempts: 20, backoffSeconds: 1 } });
    const keys = (MONSCALE_SECRET_KEY: string, MONSCALE_SECRET_KEY_PREVIOUS = '') => ({ MONSCALE_SECRET_KEY, MONSCALE_SECRET_KEY_PREVIOUS });
    const rotate = (given: object, ...more: string[]) =>
      run(['rotate-key', ...more], { DATABASE_URL: world.databaseUrl, ...given });
    const outcomeOf = async ({ api }: MonscaleProcess, name: string) =>
      (await api.post(`/actions/${name}/test`, { dryRun: false })).body;
    await program.api.create('/actions', hook('hook'));

    const unset = { code: 1, err: expect.stringContaining('set MONSCALE_SECRET_KEY to the new key') };
    const foreign = {
      code: 1,
      err: expect.stringMatching(/1 definitions have secrets that neither key opens, the first: action hook; /),
    };
    const early = [rotate({}), rotate({}, '--lost'), rotate(keys(young)), rotate(keys(young, lost))];
    expect(await Promise.all(early)).toMatchObject([unset, unset, unset, foreign]);
    const both = await world.start('api', { env: keys(young, SECRET_KEY) });
    await both.api.create('/actions', hook('fresh'));
    for (const name of ['hook', 'fresh']) expect(await outcomeOf(both, name)).toMatchObject({ outcome: 'succeeded' });
    expect(await outcomeOf(program, 'hook')).toMatchObject({ outcome: 'succeeded' });
    // What another sealed by the new key comes to who has the old one alone as what may be tried again.
    expect(await outcomeOf(program, 'fresh')).toMatchObject({ outcome: 'retryable', error: expect.stringMatching(/another MONSCALE_SECRET_KEY/) });

    const fingerprint = /^1 definitions were brought under the key of fingerprint ([0-9a-f]{16})\n/;
    const rotated = await rotate(keys(young, SECRET_KEY));
    expect(rotated).toMatchObject({ code: 0, out: expect.stringMatching(fingerprint), err: '' });
    expect((await rotate(keys(young, SECRET_KEY))).out).toMatch(/^0 definitions/);
    expect(await outcomeOf(both, 'hook')).toMatchObject({ outcome: 'succeeded' });
    await expect(world.start('api')).rejects.toThrow(
      new RegExp(`MONSCALE_SECRET_KEY is not the key .* theirs is ${fingerprint.exec(rotated.out)![1]}.*rotate-key`),
    );

    expect((await rotate(keys(lost), '--lost')).out).toMatch(
      /^0 definitions .*\n(its secrets have to be given again: action (hook|fresh)\n){2}/,
    );
    const after = await world.start('all', { env: keys(lost) });
    await after.api.create('/services', {
      name: 'hooked',
      metrics: { outage: { type: 'alert', params: { match: { host: 'hooked' } } } },
      condition: 'outage > 0',
      actions: ['hook'],
    });
    const sent = sink.requests.length;
    await after.api.post('/alerts', { labels: { host: 'hooked' } });
    const execution = async () => (await after.api.all('/executions?service=hooked'))[0];
    const failing = await until(async () => {
      const one = await execution();
      return one?.attempts?.length > 1 && one;
    }, 15_000);
    expect(failing).toMatchObject({ status: expect.stringMatching(/^(queued|running)$/), attempts: [{ outcome: 'retryable', error: expect.stringMatching(/headers can't be opened/) }, {}] });
    expect(sink.requests).toHaveLength(sent);
    expect((await after.api.patch('/actions/hook', { params: { headers } })).status).toBe(200);
    await until(async () => (await execution()).status === 'succeeded', 15_000);
    expect(sink.requests).toHaveLength(sent + 1);
    expect(sink.requests.at(-1)!.headers.authorization).toBe(headers.Authorization);
    await sink.stop();
  }, 90_000); // prettier-ignore

  it('is there for npx: the package names it, and it may be run', () => {
    const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(() => accessSync(join(ROOT, bin.monscale), constants.X_OK)).not.toThrow();
  });
});
