import { Answers, type Answered } from './answers';

const json = (schema: object) => ({ content: { 'application/json': { schema } } });
const closed = (properties: object) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const text = { type: 'string' };

const answers = new Answers({
  paths: {
    '/things': {
      get: { responses: { 200: json({ type: 'array', items: { $ref: '#/components/schemas/Thing' } }) } },
      post: { responses: { 201: json(closed({ id: { type: 'string', format: 'uuid' } })) } },
    },
    '/things/{ref}': {
      get: {
        responses: {
          200: json({ $ref: '#/components/schemas/Thing' }),
          '4XX': {
            content: { 'application/problem+json': { schema: closed({ status: { type: 'integer' } }) } },
          },
        },
      },
    },
    '/things/counts': { get: { responses: { 200: json({ type: 'object' }) } } },
  },
  components: { schemas: { Thing: closed({ name: text, at: { type: 'string', format: 'date-time' } }) } },
} as never);

const thing = { name: 'web', at: '2026-11-30T10:00:00.000Z' };
const answered = (given: Partial<Answered>): Answered => ({
  method: 'GET',
  path: '/things/web',
  status: 200,
  type: 'application/json',
  body: thing,
  ...given,
});

// prettier-ignore
test.each<[string, Partial<Answered>]>([
  ['as its schema says', {}],
  ['a list', { path: '/things', body: [thing, thing] }],
  ['with a query', { path: '/things/web?a=b' }],
  ['of a path without variables, which one with them fits as well', { path: '/things/counts', body: { whatever: 1 } }],
  ['a problem, by the class of its status', { status: 404, type: 'application/problem+json', body: { status: 404 } }],
  ['a path that is not there, and says so', { path: '/nothing', status: 404, type: 'application/problem+json', body: {} }],
])('an answer is right: %s', (_, given) => {
  expect(answers.problem(answered(given))).toBeUndefined();
});

// prettier-ignore
test.each<[string, Partial<Answered>, RegExp]>([
  ['a field that is not declared', { body: { ...thing, secret: 1 } }, /additional properties/],
  ['a field that is missing', { body: { name: 'web' } }, /required property 'at'/],
  ['a text that is a number', { body: { ...thing, name: 1 } }, /\/name must be string/],
  ['a moment that is none', { body: { ...thing, at: 'yesterday' } }, /date-time/],
  ['one of a list', { path: '/things', body: [thing, { ...thing, at: null }] }, /\/1\/at must be string/],
  ['a status that is not declared', { status: 202 }, /has no schema/],
  ['another type than is declared', { type: 'application/problem+json' }, /has no schema/],
  ['a problem that is none', { status: 409, type: 'application/problem+json', body: {} }, /required property 'status'/],
  ['a method that is not declared', { method: 'DELETE' }, /not in the API's description/],
  ['a path that is not declared', { path: '/secrets' }, /not in the API's description/],
])('an answer is wrong: %s', (_, given, problem) => {
  expect(answers.problem(answered(given))).toMatch(problem);
});
