import { basePathOf, pageFor, withoutBasePath } from './page';

const PAGE = '<html lang="en"><head><base href="/" /></head></html>';

it.each([
  [undefined, '/'],
  ['https://monscale.example', '/'],
  ['https://monscale.example/', '/'],
  ['https://monscale.example/tools/monscale', '/tools/monscale/'],
  ['https://monscale.example/tools/monscale//', '/tools/monscale/'],
  ['https://monscale.example/a b', '/a%20b/'],
])('of the public URL %s the page is below %s', (publicUrl, base) => {
  expect(basePathOf(publicUrl)).toBe(base);
  expect(pageFor(PAGE, { publicUrl, hasProvider: false })).toContain(`<base href="${base}" />`);
});

it('tells the page whether there is a provider, and nothing of a path becomes markup', () => {
  const publicUrl = `https://monscale.example/"><script src='x'>&$&`;
  const page = pageFor(PAGE, { publicUrl, hasProvider: true });
  expect(page).toContain('<html data-provider="true" lang="en">');
  expect(page).toContain(`<base href="/%22%3E%3Cscript%20src='x'%3E&#38;$&#38;/" />`);
});

it.each([
  ['/tools/monscale/api/v1/services?x=/tools/monscale/', '/api/v1/services?x=/tools/monscale/'],
  ['/tools/monscale/', '/'],
  ['/tools/monscale', '/'],
  ['/tools/monscalex', '/tools/monscalex'],
  ['/api/v1/services', '/api/v1/services'],
  ['/', '/'],
])('behind a proxy that leaves the path on, %s is %s', (url, stripped) => {
  expect(withoutBasePath('https://monscale.example/tools/monscale')!({ url })).toBe(stripped);
});

it('takes nothing off where the public URL has no path', () => {
  expect(withoutBasePath(undefined)).toBe(undefined);
  expect(withoutBasePath('https://monscale.example/')).toBe(undefined);
});
