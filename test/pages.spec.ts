import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { ACTION_MAPPINGS } from '../src/actions/mappings';
import { ActionMapping } from '../src/actions/action';
import { ALERT_FORMATS } from '../src/alerts/formats';
import { AlertFormatMapping } from '../src/alerts/formats/alert-format';
import type { MappingOptions } from '../src/common/mapping-registry';
import { LoadBalancerMapping } from '../src/load-balancers/load-balancer';
import { LOAD_BALANCER_MAPPINGS } from '../src/load-balancers/mappings';
import { METRIC_MAPPINGS } from '../src/metrics/mappings';
import { MetricMapping } from '../src/metrics/metric';
import { POLICY_MAPPINGS } from '../src/policies';
import { PolicyMapping } from '../src/policies/policy';

const ROOT = resolve(__dirname, '..');
const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');

const PAGES = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
].sort();

/** Code is no text: what looks like a link in it is none. */
const withoutCode = (markdown: string) => markdown.replace(/```[\s\S]*?```|`[^`\n]*`/g, '');

/** Of a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (page: string) =>
  read(page)
    .replace(/```[\s\S]*?```/g, '')
    .split('\n')
    .flatMap((line) => /^#{1,6} (.*)$/.exec(line)?.[1] ?? [])
    .map(anchorOf);

/** Links of a page to other files of the repository: each with the page it leads to and the anchor there. */
function linksOf(page: string): { link: string; to: string; anchor?: string }[] {
  return [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = '', anchor] = link.split('#');
      const to = path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), path));
      return { link, to, anchor };
    });
}

test.each(PAGES)('links of %s lead somewhere', (page) => {
  const broken = linksOf(page).filter(({ to, anchor }) => {
    if (!existsSync(join(ROOT, to))) return true;
    return anchor !== undefined && statSync(join(ROOT, to)).isFile() && !anchorsOf(to).includes(anchor);
  });
  expect(broken).toEqual([]);
});

test('docs/README.md leads to every page that no other index has', () => {
  const listed = new Set(linksOf('docs/README.md').map(({ to }) => to));
  const own = PAGES.filter((page) => page !== 'docs/README.md' && !page.startsWith('docs/decisions/'));
  for (const { to } of linksOf('docs/queries/README.md')) listed.add(to);
  expect(own.filter((page) => page.startsWith('docs/') && !listed.has(page))).toEqual([]);
});

test('docs/README.md lists every mapping with its page', () => {
  const kinds: [string, { KEY: string }, readonly object[]][] = [
    ['metrics', MetricMapping, METRIC_MAPPINGS],
    ['policies', PolicyMapping, POLICY_MAPPINGS],
    ['actions', ActionMapping, ACTION_MAPPINGS],
    ['alerts', AlertFormatMapping, ALERT_FORMATS],
    ['load-balancers', LoadBalancerMapping, LOAD_BALANCER_MAPPINGS],
  ];
  const wanted = kinds.flatMap(([folder, { KEY }, mappings]) =>
    mappings.map((cls) => {
      const { type } = Reflect.getMetadata(KEY, cls) as MappingOptions;
      return `[${type}](${folder}/${type}.md)`;
    }),
  );
  const index = read('docs/README.md');
  expect(wanted.filter((link) => !index.includes(link))).toEqual([]);
});

test('the index of decisions has each of them, once', () => {
  const files = readdirSync(join(ROOT, 'docs/decisions')).filter((file) => /^\d/.test(file));
  const listed = [...read('docs/decisions/README.md').matchAll(/^\| \[\d+\]\(([^)]*)\)/gm)].map(
    ([, file]) => file,
  );
  expect(listed.sort()).toEqual(files.sort());
});

test('each picture is shown by a page, and all of them are small', () => {
  const folder = join(ROOT, 'docs/pictures');
  const pictures = readdirSync(folder);
  const shown = new Set(PAGES.flatMap(linksOf).map(({ to }) => to));
  expect(pictures.filter((file) => !shown.has(`docs/pictures/${file}`))).toEqual([]);
  const bytes = pictures.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  expect(bytes).toBeLessThan(2_500_000);
});

test('the README fits on a few screens', () => {
  expect(read('README.md').split('\n').length).toBeLessThanOrEqual(121);
});

test.each(PAGES)('files that %s names are there', (page) => {
  const named =
    read(page).match(/`(?:src|test|migrations|docs|scripts|bench)\/[\w./-]+\.(?:ts|mjs|md|cjs)`/g) ?? [];
  // The mapping that a reader of CONTRIBUTING.md makes along the way.
  const files = named.map((one) => one.slice(1, -1)).filter((file) => !/queue.depth/.test(file));
  expect([...new Set(files)].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

test('docs/architecture.md has a row for each room, and for no other', () => {
  const [, section = ''] = /## Rooms\n([\s\S]*?)\n## /.exec(read('docs/architecture.md')) ?? [];
  const rows = [...section.matchAll(/^\| `([\w-]+)`/gm)].map(([, room]) => room);
  const rooms = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  expect(rows.sort()).toEqual(rooms.map(({ name }) => name).sort());
});
