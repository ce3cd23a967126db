import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  ADMIN_TOKEN,
  quickStart,
  secret,
  until,
  World,
  type Api,
  type Json,
  type MonscaleProcess,
} from './program';

jest.setTimeout(180_000);

const CLI = resolve(__dirname, '../dist/src/cli/main.js');
const PLAIN = secret('hush-in-a-rules-file');

const action = (name: string, message = 'told') => ({ name, type: 'log_message', params: { message } });
const rule = (name: string, more: object = {}) => ({
  name,
  metrics: { m: { type: 'alert', params: { match: { host: name } } } },
  condition: 'm > 0',
  ...more,
});

describe('rules in a folder', () => {
  let world: World;
  let program: MonscaleProcess;
  let api: Api;
  let folder: string;

  const write = (file: string, document: object | string) =>
    writeFileSync(
      join(folder, file),
      typeof document === 'string' ? document : JSON.stringify({ monscale: 1, ...document }),
    );
  const report = async (): Promise<Json> => (await api.get('/rules-directory')).body;
  const becomes = (status: string, holds: (report: Json) => boolean = () => true) =>
    until(
      async () => {
        const body = await report();
        return body.status === status && holds(body) ? body : undefined;
      },
      20_000,
      `it is ${status}`,
    );
  const audited = async (action: string) =>
    (await api.get(`/audit?action=${action}&limit=50`)).body.items.filter(
      ({ actor }: Json) => actor === 'rules directory',
    );
  const isThere = async (path: string) => (await api.get(path)).status === 200;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rules-'));
    world = await World.create();
    program = await world.start('all', { env: { MONSCALE_RULES_DIR: folder } });
    api = program.api;
  });
  afterAll(async () => {
    await world?.end();
    rmSync(folder, { recursive: true, force: true });
  });

  it('of which there are none yet is empty, and nothing is wrong', async () => {
    expect(await becomes('empty')).toMatchObject({ managed: 0, mistakes: [], drift: [], folder });
  });

  it('is applied, and its rule acts', async () => {
    write(
      'actions.yaml',
      'monscale: 1\nactions:\n  - {name: tell, type: log_message, params: {message: up}}\n',
    );
    write('services.json', { services: [rule('web', { actions: ['tell'] })] });
    await becomes('applied', ({ managed }) => managed === 2);
    expect((await api.get('/services/web')).body.managedBy).toBe('files');
    expect((await api.get('/services')).body.items[0].managedBy).toBe('files');
    await api.post('/alerts', { labels: { host: 'web' }, value: 1 });
    await until(
      async () => (await api.get('/executions?status=succeeded')).body.items.length === 1,
      20_000,
      'it has acted',
    );
    expect(await audited('create')).toHaveLength(2);
    expect((await audited('apply'))[0]).toMatchObject({
      outcome: 'succeeded',
      detail: { created: 2, files: 2 },
    });
  });

  it('is applied anew when a file changes', async () => {
    write('services.json', { services: [rule('web', { actions: ['tell'], condition: 'm > 5' })] });
    await until(async () => (await api.get('/services/web')).body.condition === 'm > 5', 20_000);
    expect((await api.get('/services/web/versions')).body.items[0]).toMatchObject({
      actor: 'rules directory',
    });
  });

  it('with a mistake changes nothing, and says file, line and pointer', async () => {
    write(
      'services.json',
      '{"monscale": 1,\n "services": [\n {"name": "web", "metrics": {},\n  "condition": "m >"}]}',
    );
    write(
      'actions.yaml',
      'monscale: 1\nactions:\n  - {name: tell, type: log_message, params: {message: changed}}\n',
    );
    const { mistakes } = await becomes('mistaken');
    expect(mistakes).toContainEqual(
      expect.objectContaining({ file: 'services.json', line: 3, pointer: '/services/0/metrics' }),
    );
    expect((await api.get('/services/web')).body.condition).toBe('m > 5');
    expect((await api.get('/actions/tell')).body.params.message).toBe('up');
    expect((await audited('apply'))[0]).toMatchObject({
      outcome: 'failed',
      detail: { mistakes: expect.arrayContaining([expect.objectContaining({ file: 'services.json' })]) },
    });
    await until(
      async () => /^monscale_rules_files_broken 1$/m.test((await program.root.get('/metrics')).body),
      20_000,
    );
    expect(program.output).toMatch(/services\.json:3 \/services\/0\/metrics: /);
    write('services.json', { services: [rule('web', { actions: ['tell'] })] });
    await becomes('applied', ({ mistakes }) => mistakes.length === 0);
    expect((await api.get('/actions/tell')).body.params.message).toBe('changed');
    await until(
      async () => /^monscale_rules_files_broken 0$/m.test((await program.root.get('/metrics')).body),
      20_000,
    );
  });

  it('takes secrets by reference alone', async () => {
    const hook = (given: unknown) => ({
      name: 'hook',
      type: 'webhook',
      params: { url: 'http://h/', secret: given },
    });
    write('hook.yaml', { actions: [hook(PLAIN)] });
    const { mistakes } = await becomes('mistaken');
    expect(mistakes).toEqual([
      expect.objectContaining({ file: 'hook.yaml', line: 1, pointer: '/actions/0/params/secret' }),
    ]);
    write('hook.yaml', { actions: [hook({ env: 'MONSCALE_PARAM_HOOK' })] });
    await becomes('applied', ({ managed }) => managed === 3);
  });

  describe('changed by others', () => {
    const change = { holdSeconds: 7 };

    it.each<[string, () => ReturnType<Api['get']>]>([
      ['PATCH', () => api.patch('/services/web', change)],
      ['PUT', async () => api.put('/services/web', rule('web', change))],
      ['DELETE', () => api.delete('/services/web')],
      ['restore', () => api.post('/services/web/versions/1/restore')],
      ['import', () => api.post('/import', { monscale: 1, services: [rule('web', change)] })],
    ])('is refused: %s', async (_, ask) => {
      const { status, body, headers } = await ask();
      expect([status, headers.get('content-type')]).toEqual([409, expect.stringContaining('problem+json')]);
      expect(body.detail).toMatch(/service web is managed by the rules directory .*force=true/);
      expect((await api.get('/services/web')).body.holdSeconds).toBe(0);
    });

    it('is refused in bulk, one by one, and said by a dry run of an import', async () => {
      await api.create('/services', rule('by-hand'));
      const asked = { select: { ids: ['web', 'by-hand'] }, change: { enabled: false } };
      const { body } = await api.post('/services/bulk', asked);
      expect(body).toMatchObject({ matched: 2, succeeded: 1, failed: [{ name: 'web' }] });
      const { errors } = (
        await api.post('/import?dryRun=true', { monscale: 1, services: [rule('web', change)] })
      ).body;
      expect(errors).toEqual([{ pointer: '/services/0', detail: expect.stringContaining('force=true') }]);
    });

    it('is done where they insist, shown as drift, and undone when the files change', async () => {
      expect((await api.patch('/services/web?force=maybe', change)).status).toBe(400);
      expect((await api.patch('/services/web?force=true', change)).status).toBe(200);
      expect((await api.delete('/actions/hook?force=true')).status).toBe(204);
      const { drift, driftTotal } = await report();
      expect(driftTotal).toBe(2);
      expect(drift).toEqual([
        expect.objectContaining({ kind: 'action', name: 'hook', how: 'missing' }),
        expect.objectContaining({
          kind: 'service',
          name: 'web',
          how: 'changed',
          changes: [{ pointer: '/holdSeconds', before: 0, after: 7 }],
        }),
      ]);
      write('more.yaml', { actions: [action('more')] });
      await becomes('applied', (now) => now.driftTotal === 0 && now.managed === 4);
      expect((await api.get('/services/web')).body.holdSeconds).toBe(0);
      expect(await isThere('/actions/hook')).toBe(true);
    });
  });

  it('deletes what leaves it, but what is in use: services of that are disabled', async () => {
    write('services.json', { services: [rule('web'), rule('parent', { actions: ['more'] })] });
    await becomes('applied', ({ managed }) => managed === 5);
    await api.create('/services', rule('child', { dependsOn: [{ service: 'parent' }], actions: ['tell'] }));
    write('services.json', { services: [rule('web')] });
    write('actions.yaml', { actions: [] });
    rmSync(join(folder, 'hook.yaml'));
    const { kept } = await becomes('applied', (now) => now.kept.length === 2);
    expect(kept.map(({ kind, name }: Json) => `${kind} ${name}`)).toEqual(['service parent', 'action tell']);
    expect((await api.get('/services/parent')).body).toMatchObject({ enabled: false, managedBy: 'files' });
    expect(await isThere('/actions/hook')).toBe(false);
    expect((await report()).drift).toEqual([]);
  });

  it('that has become empty, or has vanished, deletes nothing', async () => {
    for (const file of ['services.json', 'actions.yaml', 'more.yaml']) rmSync(join(folder, file));
    expect((await becomes('mistaken')).mistakes[0].detail).toMatch(/nothing is deleted/);
    rmSync(folder, { recursive: true });
    await becomes('mistaken', ({ mistakes }) => /can't be read/.test(mistakes[0].detail));
    expect(await isThere('/services/web')).toBe(true);
  });

  it('is followed through the links of a ConfigMap, also when they are swapped', async () => {
    mkdirSync(join(folder, '..1'), { recursive: true });
    mkdirSync(join(folder, '..2'));
    write('..1/rules.yaml', { services: [rule('web')] });
    write('..2/rules.yaml', { services: [rule('web', { holdSeconds: 3 }), rule('jobs')] });
    symlinkSync('..1', join(folder, '..data'));
    symlinkSync('..data/rules.yaml', join(folder, 'rules.yaml'));
    await becomes('applied');
    symlinkSync('..2', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    await until(async () => isThere('/services/jobs'), 20_000);
    expect((await api.get('/services/web')).body.holdSeconds).toBe(3);
  });

  it('is let go of only when nobody looks at it any more', async () => {
    expect((await api.delete('/rules-directory')).status).toBe(409);
    await program.stop();
    program = await world.start('all');
    api = program.api;
    expect((await api.patch('/services/web', { holdSeconds: 9 })).status).toBe(409);
    expect((await api.delete('/rules-directory')).body).toMatchObject({
      isOff: true,
      released: expect.any(Number),
    });
    expect((await api.patch('/services/web', { holdSeconds: 9 })).status).toBe(200);
    expect(await report()).toMatchObject({ status: 'off', managed: 0 });
  });
});

describe('two processes with files of their own', () => {
  let world: World;
  let api: Api;
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'rules-')));

  beforeAll(async () => {
    world = await World.create();
    api = (await world.start('api')).api;
  });
  afterAll(async () => {
    await world?.end();
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  const write = (index: number, holdSeconds: number) =>
    writeFileSync(
      join(folders[index]!, 'rules.yaml'),
      JSON.stringify({ monscale: 1, services: [rule('web', { holdSeconds })] }),
    );
  const holdOf = async () => (await api.get('/services/web')).body.holdSeconds;

  it('follow one of them; whoever takes over does not go back to older files', async () => {
    write(0, 1);
    write(1, 1);
    const first = await world.start('scheduler', { env: { MONSCALE_RULES_DIR: folders[0]! } });
    await until(async () => (await holdOf()) === 1, 20_000);
    const second = await world.start('scheduler', { env: { MONSCALE_RULES_DIR: folders[1]! } });
    write(0, 2);
    await until(async () => (await holdOf()) === 2, 20_000);
    await first.stop();
    await until(async () => (await api.get('/rules-directory')).body.status === 'waiting', 20_000);
    expect(await holdOf()).toBe(2);
    write(1, 3);
    await until(async () => (await holdOf()) === 3, 20_000);
    const versions = (await api.get('/services/web/versions')).body.items;
    expect(versions.map(({ version }: Json) => version)).toEqual([3, 2, 1]);
    await second.stop();
  });
});

describe('monscale apply', () => {
  let world: World;
  let program: MonscaleProcess;
  let api: Api;
  const folder = mkdtempSync(join(tmpdir(), 'rules-'));
  const file = join(folder, 'rules.yaml');

  beforeAll(async () => {
    world = await World.create();
    program = await world.start('api');
    api = program.api;
  });
  afterAll(async () => {
    await world?.end();
    rmSync(folder, { recursive: true });
  });

  const cli = async (...args: string[]): Promise<{ code: number; output: string }> => {
    const env = {
      PATH: process.env.PATH,
      NODE_OPTIONS: quickStart(),
      MONSCALE_URL: program.url,
      MONSCALE_TOKEN: ADMIN_TOKEN,
    };
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args], { env });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  };
  const apply = (names: string[], ...options: string[]) => {
    writeFileSync(file, JSON.stringify({ monscale: 1, actions: names.map((name) => action(name)) }));
    return cli('apply', ...options, file);
  };
  const names = async () => (await api.get('/actions?sort=name')).body.items.map(({ name }: Json) => name);

  it('deletes what an earlier apply made, when it is asked to', async () => {
    await api.create('/actions', action('by-hand'));
    expect(await apply(['a', 'b', 'by-hand'])).toMatchObject({ code: 0 });
    expect((await api.get('/actions/a')).body.managedBy).toBe('apply:default');
    expect((await api.get('/actions/by-hand')).body.managedBy).toBeUndefined();
    expect(await apply(['a'])).toMatchObject({ code: 0 });
    expect(await names()).toEqual(['a', 'b', 'by-hand']);
    const tried = await apply(['a'], '--prune', '--dry-run');
    expect(tried).toMatchObject({ code: 2, output: expect.stringContaining('- action b') });
    expect(await names()).toEqual(['a', 'b', 'by-hand']);
    expect((await apply(['a'], '--prune')).output).toMatch(/1 deleted/);
    expect(await names()).toEqual(['a', 'by-hand']);
  });

  it('never deletes what another set, the rules directory or a person made', async () => {
    await apply(['other'], '--set', 'others');
    await api.create('/actions', action('of-files'));
    await world.rows(
      `INSERT INTO managed_definitions SELECT id, 'action', name, 'files', version FROM actions WHERE name = 'of-files'`,
    );
    expect((await apply([], '--prune')).code).toBe(0);
    expect(await names()).toEqual(['by-hand', 'of-files', 'other']);
  });

  it('keeps what is in use, and says by whom', async () => {
    await apply(['used']);
    await api.create('/services', rule('web', { actions: ['used'] }));
    const { code, output } = await apply([], '--prune');
    expect([code, output]).toEqual([0, expect.stringMatching(/action used .*in use by service web/s)]);
    expect(await names()).toContain('used');
  });

  it('changes what the rules directory manages only by force', async () => {
    writeFileSync(file, JSON.stringify({ monscale: 1, actions: [action('of-files', 'otherwise')] }));
    expect(await cli('apply', file)).toMatchObject({
      code: 1,
      output: expect.stringContaining('managed by'),
    });
    expect(await cli('apply', '--force', file)).toMatchObject({ code: 0 });
    expect((await api.get('/actions/of-files')).body).toMatchObject({
      managedBy: 'files',
      params: { message: 'otherwise' },
    });
  });

  it('says in its status what others have changed', async () => {
    const { output } = await cli('status');
    expect(output).toMatch(/rules directory: off/);
  });
});
