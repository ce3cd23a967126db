/** Every page of the console in a real browser: no error, nothing that axe finds, nothing out of reach. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasBrowser } from './browser';
import { wrongWith } from './check';
import { pagesOf } from './pages';
import { beginScene, type Scene } from './scene';
import { ended } from './things';

(hasBrowser() ? describe : describe.skip)('the console', () => {
  let scene: Scene;
  beforeAll(async () => (scene = await beginScene()), 180_000);
  afterAll(() => scene?.end());

  it('opens each page without an error, light and dark, on a desk and a telephone, with nothing out of reach', async () => {
    const { program, window, page } = scene;
    const execution = (await ended(program, 'broken', 'failed')).id as string;
    const silence = (await program.api.get('/silences')).body.items[0].id as string;
    const pages = pagesOf({ execution, silence });
    const paths = pages.map(([path]) => path.split('?', 1)[0]!);
    expect(routes().filter((route) => !paths.some((path) => route.test(path)))).toEqual([]);
    window.faults.length = 0;
    const wrong: string[] = [];
    for (const [path, name] of pages) wrong.push(...(await wrongWith(page, path, name)));
    expect(wrong).toEqual([]);
    expect(window.faults).toEqual([]);
  }, 240_000);
});

/** Paths of all pages, as `routes.tsx` has them. */
function routes(): RegExp[] {
  const text = readFileSync(join(__dirname, '..', '..', 'src', 'console', 'web', 'routes.tsx'), 'utf8');
  const found = [...text.matchAll(/\bpage\(\s*'([^']+)'/g)].map(([, path]) => path!);
  expect(found.length).toBeGreaterThan(20);
  return found.map((path) => new RegExp(`^${path.replaceAll(/\$\w+/g, '(?!new$)[^/]+')}$`));
}
