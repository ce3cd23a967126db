import { check } from './check';
import {
  Any,
  Choice,
  Decimal,
  fieldsOf,
  Flag,
  jsonSchemaOf,
  ListOf,
  Nested,
  Text,
  TextList,
  TextMap,
  Whole,
} from './fields';

class Inner {
  @Text({ description: 'key', secret: true, optional: true })
  key?: string;
}

class Base {
  @Text({ description: 'id', pattern: /^[a-z]+$/, patternHint: 'must be small letters', example: 'abc' })
  id: string;
}

class Everything extends Base {
  @Text({
    description: 'text',
    minLength: 2,
    maxLength: 4,
    optional: true,
    check: (text) => (text === 'evil' ? 'is evil' : undefined),
  })
  text?: string;

  @Text({ description: 'secret', secret: true, minLength: 1, optional: true })
  secret?: string;

  @Text({
    description: 'template',
    template: 'json',
    optional: true,
    pattern: /^[0-9]+$/,
    patternHint: 'must be a number',
  })
  template?: string;

  @Whole({ description: 'whole', minimum: 1, maximum: 9, unit: 's' })
  whole = 5;

  @Decimal({ description: 'decimal', optional: true })
  decimal?: number;

  @Flag({ description: 'flag' })
  flag = false;

  @Choice(['a', 'b'], { description: 'choice' })
  choice = 'a';

  @Nested(() => Inner, { description: 'nested', optional: true })
  nested?: Inner;

  @ListOf(() => Inner, { description: 'list', optional: true })
  list?: Inner[];

  @TextList({ description: 'texts', optional: true, maxItems: 2 })
  texts?: string[];

  @TextMap({ description: 'labels', optional: true, keys: /^[a-z]+$/ })
  labels?: Record<string, string>;

  @TextMap({ description: 'headers', optional: true, secret: true, template: 'text' })
  headers?: Record<string, string>;

  @Any({ description: 'any', optional: true }, {}, (value) => (value === 13 ? 'is unlucky' : undefined))
  any?: unknown;
}

const errorsOf = (given: object) => check(Everything, { id: 'abc', ...given }).errors;

describe('fields', () => {
  it.each([
    [{ id: 'A1' }, '/id', 'must be small letters'],
    [{ text: 7 }, '/text', 'must be a text'],
    [{ text: 'a' }, '/text', 'must have at least 2 characters'],
    [{ text: 'abcde' }, '/text', 'must have at most 4 characters'],
    [{ text: 'evil' }, '/text', 'is evil'],
    [{ secret: 7 }, '/secret', 'must be a text'],
    [{ secret: '' }, '/secret', 'must not be empty'],
    [
      { secret: { sealed: 'AAAA' } },
      '/secret',
      'must be a text, {"env": "MONSCALE_PARAM_NAME"}, {"file": "/path"} or {"secret": true}',
    ],
    [
      { secret: { secret: false } },
      '/secret',
      'must be a text, {"env": "MONSCALE_PARAM_NAME"}, {"file": "/path"} or {"secret": true}',
    ],
    [
      { secret: { env: '1X' } },
      '/secret',
      'must name a variable MONSCALE_PARAM_…: no other is open to definitions',
    ],
    [{ secret: { env: 7 } }, '/secret/env', 'must be a text'],
    [{ secret: { file: ['/here'] } }, '/secret/file', 'must be a text'],
    [{ secret: { file: 'here' } }, '/secret', 'must name a file by its absolute path'],
    [{ template: true }, '/template', 'must be a text or a number'],
    [{ template: 'many' }, '/template', 'must be a number'],
    [{ template: '{{ a' }, '/template', expect.stringMatching(/^is not a valid template: /)],
    [{ whole: 1.5 }, '/whole', 'must be a whole number'],
    [{ whole: '5' }, '/whole', 'must be a whole number'],
    [{ whole: 10 }, '/whole', 'must be at most 9'],
    [{ decimal: NaN }, '/decimal', 'must be a number'],
    [{ decimal: Infinity }, '/decimal', 'must be a number'],
    [{ flag: 'true' }, '/flag', 'must be true or false'],
    [{ choice: 'c' }, '/choice', 'must be one of a, b'],
    [{ nested: 'a' }, '/nested', 'must be an object'],
    [{ nested: { key: 7 } }, '/nested/key', 'must be a text'],
    [{ list: [{}, { key: 7 }] }, '/list/1/key', 'must be a text'],
    [{ texts: 'a' }, '/texts', 'must be a list of texts'],
    [{ texts: ['a', ''] }, '/texts/1', 'must not be empty'],
    [{ texts: [7] }, '/texts/0', 'must be a text'],
    [{ texts: ['a', 'b', 'c'] }, '/texts', 'must have at most 2 entries'],
    [{ labels: ['a'] }, '/labels', 'must be an object of texts'],
    [{ labels: { A: 'b' } }, '/labels/A', 'is a bad name'],
    [{ labels: { a: 7 } }, '/labels/a', 'must be a text'],
    [{ labels: { a: 'x'.repeat(10_001) } }, '/labels/a', 'must have at most 10000 characters'],
    [{ headers: { a: '{{' } }, '/headers/a', 'is not a valid template, line:1, col:1'],
    [{ headers: { a: 'Bearer {{ hush-hush' } }, '/headers/a', 'is not a valid template, line:1, col:8'],
    [{ headers: { a: 'hush-hush {% nothing %}' } }, '/headers/a', 'is not a valid template, line:1, col:11'],
    [{ headers: { 'a/b': true } }, '/headers/a~1b', 'must be a text'],
    [{ any: 13 }, '/any', 'is unlucky'],
  ])('%j is refused, and says what is right', (given, pointer, detail) => {
    expect(errorsOf(given)).toEqual([{ pointer, detail }]);
  });

  it.each([
    { text: 'good' },
    { secret: 's' },
    { secret: { env: 'MONSCALE_PARAM_S' } },
    { secret: { file: '/run/s' } },
    { secret: { secret: true } },
    { template: 7 },
    { template: '7' },
    { template: '{{ nodes.desired }}' },
    { whole: 9, decimal: -0.5, flag: true, choice: 'b' },
    { nested: { key: { env: 'MONSCALE_PARAM_K' } }, list: [{ key: 'k' }, {}] },
    { texts: [], labels: {}, headers: { a: 7, b: '{{ c }}' } },
    { headers: { file: '/run/headers' } },
    { any: { thing: [1] } },
  ])('%j is taken', (given) => expect(errorsOf(given)).toEqual([]));

  it('are those of the base class first, each once', () => {
    expect(fieldsOf(Base).map(({ name }) => name)).toEqual(['id']);
    expect(
      fieldsOf(Everything)
        .map(({ name }) => name)
        .slice(0, 3),
    ).toEqual(['id', 'text', 'secret']);
  });

  it('give a schema a form can be drawn from', () => {
    expect(jsonSchemaOf(Everything)).toMatchObject({
      type: 'object',
      required: ['id'],
      additionalProperties: false,
      properties: {
        id: { type: 'string', pattern: '^[a-z]+$', description: 'id', examples: ['abc'] },
        secret: { type: 'string', writeOnly: true },
        template: { 'x-template': 'json' },
        whole: { type: 'integer', minimum: 1, maximum: 9, default: 5, 'x-unit': 's' },
        flag: { type: 'boolean', default: false },
        choice: { enum: ['a', 'b'], default: 'a' },
        nested: { type: 'object', properties: { key: { writeOnly: true } }, additionalProperties: false },
        list: { type: 'array', items: { type: 'object', properties: { key: { writeOnly: true } } } },
        texts: { type: 'array', maxItems: 2 },
        headers: { type: 'object', writeOnly: true },
      },
    });
  });
});
