import { hasSameDirection, steeredDirections } from './direction';
import { ListOf, Nested, Text, TextMap } from './fields';

class Tls {
  @Text({ description: 'key', secret: true, optional: true, directs: 'nothing' })
  key?: string;
}

class Params {
  @Text({ description: 'url', directs: 'origin', template: 'url' })
  url: string;

  @Text({ description: 'text', optional: true, directs: 'nothing', template: 'text' })
  text?: string;

  @TextMap({ description: 'headers', secret: true, optional: true, directs: 'nothing', template: 'text' })
  headers?: Record<string, string>;

  @Nested(() => Tls, { description: 'tls', optional: true })
  tls?: Tls;

  @ListOf(() => Tls, { description: 'list', optional: true, directs: 'nothing' })
  list?: Tls[];
}

class Inner {
  @Nested(() => Params, { description: 'target', optional: true })
  target?: Params;

  @Text({ description: 'password', secret: true, optional: true, directs: 'nothing' })
  password?: string;

  @ListOf(() => Params, { description: 'targets', optional: true })
  targets?: Params[];
}

const steered = (params: object) =>
  steeredDirections(Params, params as Record<string, unknown>, '/params').map(({ pointer }) => pointer);

describe('a template does not say to whom secrets are given', () => {
  it.each([
    'https://{{ alert.labels.host }}/',
    'https://{{ alert.labels.host }}',
    'https://hooks{{ service.name }}.example.com/x',
    'https://hooks.example.com{{ alert.labels.path }}',
    'https://hooks.example.com:{{ alert.labels.port }}/x',
    'https://hooks.example.com:80{{ alert.labels.port }}/x',
    'https://user:{{ alert.labels.x }}@hooks.example.com/x',
    'https://hooks.example.com@{{ alert.labels.x }}/x',
    'http{{ alert.labels.s }}://hooks.example.com/x',
    '{{ alert.labels.url }}',
    '{{ alert.labels.url }}/https://hooks.example.com/',
    'https:{{ alert.labels.x }}//hooks.example.com/x',
    'https:/{{ alert.labels.x }}/x',
    'https://hooks.example.com\\{{ alert.labels.x }}',
    '\thttps://{{ alert.labels.x }}/',
    ' https://hooks.example.com/{{ alert.labels.x }}',
    '{% if alert.labels.x %}https://a.example{% else %}https://b.example{% endif %}/x',
    'https://{% assign x = 1 %}hooks.example.com/x',
    'HTTPS://{{ alert.labels.host }}/x',
  ])('%s', (url) => {
    expect(steered({ url, headers: { a: 'b' } })).toEqual(['/params/url']);
    expect(steered({ url, tls: { key: 'k' } })).toEqual(['/params/url']);
    expect(steered({ url, list: [{}, { key: 'k' }] })).toEqual(['/params/url']);
    // Where nothing is secret, nobody learns anything.
    expect(steered({ url, tls: {}, list: [{}] })).toEqual([]);
    const inner = { target: { url }, password: 'p' };
    expect(steeredDirections(Inner, inner, '/params').map(({ pointer }) => pointer)).toEqual(['/params/target/url']);
    const each = { targets: [{ url: 'https://h/' }, { url, headers: { a: 'b' } }] };
    expect(steeredDirections(Inner, each, '/params').map(({ pointer }) => pointer)).toEqual(['/params/targets/1/url']);
  }); // prettier-ignore

  it.each([
    'https://hooks.example.com/{{ alert.labels.path }}',
    'https://hooks.example.com:8443/x?a={{ alert.labels.a }}',
    'https://hooks.example.com?a={{ alert.labels.a }}',
    'https://hooks.example.com#{{ alert.labels.a }}',
    'https://[2001:db8::1]:8443/{{ service.name }}',
    'https://hooks.example.com/{% if true %}a{% endif %}',
    'https://hooks.example.com/{{ alert.labels.x }}@elsewhere.example/',
  ])('but what follows: %s', (url) => {
    expect(steered({ url, headers: { a: '{{ alert.labels.x }}' }, text: '{{ x }}' })).toEqual([]);
  });
});

describe('of a URL scheme, host and port direct', () => {
  const same = (given: string, stored: string) =>
    hasSameDirection(Params, { url: given }, { url: stored }, () => true);
  it.each([
    ['https://h.example/a', 'https://h.example/b?c', true],
    ['https://h.example:443/a', 'https://h.example/', true],
    ['https://H.example/a', 'https://h.example/', true],
    ['https://h.example/{{ a }}', 'https://h.example/{{ b }}', true],
    ['http://h.example/', 'https://h.example/', false],
    ['https://h.example:8443/', 'https://h.example/', false],
    ['https://h.example.evil/', 'https://h.example/', false],
    ['https://{{ a }}/', 'https://{{ b }}/', false],
    ['https://{{ a }}/', 'https://h.example/', false],
    ['https://{{ a }}/x', 'https://{{ a }}/y', false],
    ['https://h.example{{ a }}/', 'https://h.example/', false],
    ['https://{{ a }}/', 'https://{{ a }}/', true],
    ['no url', 'no url either', false],
  ])('%s after %s: %s', (given, stored, is) => expect(same(given, stored)).toBe(is));
});
