import { HELD_UP_MS, loopDelayMs } from '../../test/loop-delay';
import { check } from '../common/check';
import { stopThreads } from '../common/thread-pool';
import { WebhookParams } from './mappings/webhook.action';
import { rendered, renderedInTime } from './rendering';

afterAll(stopThreads);

const variables = { service: { name: 'web' }, values: { cpu: 93 }, alerts: [{ labels: { a: 'b' } }] };
const paramsOf = (given: object): WebhookParams => {
  const { value, errors } = check(WebhookParams, { url: 'http://h/{{ service.name }}', ...given });
  expect(errors).toEqual([]);
  return value!;
};
const doubled = (times: number) =>
  `{% assign a = "<b>x, </b>" %}{% for i in (1..${times}) %}{% assign a = a | append: a %}{% endfor %}`;

test('what takes longer is rendered beside the event loop, with the same outcome', async () => {
  const long = '{% for i in (1..30000) %}{{ i | plus: 1 }},{% endfor %}';
  const params = paramsOf({ body: long, headers: { 'X-Name': '{{ service.name }}' } });
  expect(() => rendered(WebhookParams, params, variables)).toThrow('limit exceeded');
  const made = await renderedInTime(WebhookParams, params, variables);
  expect(made).toBeInstanceOf(WebhookParams);
  expect(made).toMatchObject({ url: 'http://h/web', headers: { 'X-Name': 'web' } });
  expect(made.body).toBe(Array.from({ length: 30_000 }, (_, index) => `${index + 2},`).join(''));
});

test.each([
  ['a loop in a loop', '{% for i in (1..3000) %}{% for j in (1..3000) %}{% endfor %}{% endfor %}'],
  ['a text that is doubled', `${doubled(24)}{{ a | size }}`],
  ['a list that is sorted', `${doubled(16)}{{ a | split: "x" | sort | uniq | join: "," | size }}`],
  ['tags that are stripped', `${doubled(16)}{{ a | strip_html | escape | url_encode | size }}`],
  ['a width of a date', '{{ "now" | date: "%99999999d" | size }}'],
  ['a range', '{{ (1..9000000) | reverse | sort | join: "" | size }}'],
])('%s holds up nobody, whatever comes of it', async (_, body) => {
  const params = paramsOf({ body });
  await renderedInTime(
    WebhookParams,
    paramsOf({ body: '{% for i in (1..9000) %}{{ i }}{% endfor %}' }),
    variables,
  );
  let outcome: unknown;
  const delay = await loopDelayMs(async () => {
    outcome = await renderedInTime(WebhookParams, params, variables).catch((error: Error) => error.message);
  });
  expect(delay).toBeLessThan(HELD_UP_MS);
  if (typeof outcome === 'string') expect(outcome).toMatch(/limit exceeded|took too long|more than 1024 MB/);
});

test('many long ones have one deadline together', async () => {
  const slow = '{% for i in (1..900) %}{% for j in (1..900) %}{% endfor %}{% endfor %}';
  const headers = Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`X-${index}`, slow]));
  const began = performance.now();
  const rendered = renderedInTime(WebhookParams, paramsOf({ headers }), variables);
  // Of one template, on a slow machine, or of all of them.
  await expect(rendered).rejects.toThrow(/limit exceeded|took too long/);
  expect(performance.now() - began).toBeLessThan(25_000);
}, 40_000);

test.each([
  ['{{ a }}'.repeat(1_100), /has 1100 values, tags and filters; at most 1000/],
  [`{{ 1 ${'| plus: 1 '.repeat(1_100)}}}`, /at most 1000 are allowed/],
  [`${'|'.repeat(5_000)}`, undefined],
  ['{{ a }} | b', undefined],
])('a template of many parts is refused when it is saved', (body, problem) => {
  const { errors } = check(WebhookParams, { url: 'http://h', body });
  if (problem === undefined) expect(errors).toEqual([]);
  else expect(errors).toEqual([{ pointer: '/body', detail: expect.stringMatching(problem) }]);
});
