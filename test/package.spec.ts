import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { testPort } from './ports';
import { MonscaleProcess, World } from './program';

const ROOT = resolve(__dirname, '..');
const { version, bin, dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  bin: { monscale: string };
  dependencies: Record<string, string>;
};

/** The package as npm packs it, installed into a folder of its own. */
describe('the package', () => {
  let files: string[];
  let project: string;
  let installed: string;

  beforeAll(async () => {
    project = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'installed '));
    const { stdout } = await promisify(execFile)('npm', ['pack', '--json', '--pack-destination', project], {
      cwd: ROOT,
      maxBuffer: 1 << 24,
      env: { ...process.env, npm_config_cache: join(project, 'cache') },
    });
    const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
    files = packed.files.map(({ path }) => path);
    installed = join(project, 'node_modules', 'monscale');
    mkdirSync(installed, { recursive: true });
    spawnSync('tar', ['xzf', join(project, packed.filename), '-C', installed, '--strip-components=1']);
    // As npm would lay them there, without asking a registry.
    symlinkSync(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
  });

  const monscale = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(installed, bin.monscale), ...args], { cwd: project });

  test('has what runs and what it is run by, and nothing else', () => {
    const ALLOWED =
      /^(dist\/(src|migrations|console)\/|deploy\/|scripts\/(cli|setup|start)\.mjs$|(package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md|\.env\.example)$)/;
    expect(files.filter((file) => !ALLOWED.test(file))).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining([
        ...[bin.monscale, 'dist/src/main.js', 'dist/src/cli/main.js', 'dist/console/index.html'],
        ...['deploy/systemd/monscale.service', 'deploy/kubernetes/base/kustomization.yaml', 'LICENSE'],
      ]),
    );
    expect(files.filter((file) => /\.spec\.|\.env$|\.monscale\//.test(file))).toEqual([]);
  });

  test('imports no package but those that are installed with it', () => {
    const foreign = new Set<string>();
    for (const file of readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.js') || file.startsWith('console/')) continue;
      const text = readFileSync(join(installed, 'dist', file), 'utf8');
      for (const [, from] of text.matchAll(/(?:require|import)\(["']([^."'][^"']*)["']\)/g)) {
        const name = from!
          .split('/')
          .slice(0, from!.startsWith('@') ? 2 : 1)
          .join('/');
        if (!(name in dependencies) && !builtinModules.includes(name) && !name.startsWith('node:')) foreign.add(name);
      }
    }
    // Brought by @nestjs/platform-fastify, whose types they are alone.
    expect([...foreign]).toEqual([]);
  }); // prettier-ignore

  test('its command says its version, makes a project, and refuses what it does not know', async () => {
    expect((await monscale('--version')).stdout).toBe(`${version}\n`);
    await monscale('init', 'rules');
    const { stdout } = await monscale('test', join('rules', 'rules.test.yaml'));
    expect(stdout).toContain('3 passed, 0 failed');
    await expect(monscale('migrat')).rejects.toMatchObject({ stderr: expect.stringContaining('migrate') });
  }, 60_000);

  test('monscale start is the program, with its console', async () => {
    const world = await World.create();
    try {
      const port = await testPort();
      const program = new MonscaleProcess(
        {
          databaseUrl: world.databaseUrl,
          redisUrl: world.redisUrl,
          command: [join(installed, bin.monscale), 'start'],
          env: { MONSCALE_DATA_DIR: join(project, 'data') },
        },
        port,
      );
      world.processes.push(program);
      await program.ready();
      const page = await fetch(`${program.url}/`, { headers: { Accept: 'text/html' } });
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<script')]);
      expect(await program.stop()).toBe(0);
    } finally {
      await world.end();
    }
  }, 90_000);
});
