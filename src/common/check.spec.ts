import { check, checked, type SelfChecking } from './check';
import { InvalidInput, type FieldError } from './errors';
import { Any, ListOf, Nested, Text, TextMap, Whole } from './fields';

class Peer {
  @Text({ description: 'host', minLength: 1 })
  host: string;

  @Whole({ description: 'port', minimum: 1, maximum: 65_535 })
  port = 161;
}

class Target implements SelfChecking {
  @Text({ description: 'name' })
  name: string;

  @Text({ description: 'note', optional: true })
  note?: string;

  @Nested(() => Peer, { description: 'peer', optional: true })
  peer?: Peer;

  @ListOf(() => Peer, { description: 'peers' })
  peers: Peer[] = [];

  problems(): FieldError[] {
    return this.note === this.name ? [{ pointer: '/note', detail: 'repeats the name' }] : [];
  }
}

class Nothing {}

class Open {
  @Any({ description: 'labels' })
  labels: unknown;
}

const errorsOf = (plain: unknown, pointer?: string): FieldError[] => check(Target, plain, pointer).errors;

describe('check', () => {
  it('gives an instance with its defaults filled in, down to the nested ones', () => {
    const { value } = check(Target, {
      name: 'a',
      peer: { host: 'h' },
      peers: [{ host: 'i', port: 7 }, { host: 'j' }],
    });
    expect(value).toBeInstanceOf(Target);
    expect(value!.peer).toBeInstanceOf(Peer);
    expect(value).toEqual({
      name: 'a',
      peer: { host: 'h', port: 161 },
      peers: [
        { host: 'i', port: 7 },
        { host: 'j', port: 161 },
      ],
    });
    expect(check(Target, { name: 'a' }).value!.peers).toEqual([]);
  });

  it('does not share defaults', () => {
    check(Target, { name: 'a' }).value!.peers.push(new Peer());
    expect(check(Target, { name: 'a' }).value!.peers).toEqual([]);
  });

  it.each([[undefined], [null], ['text'], [7], [[]]])('%j is no object', (plain) => {
    expect(errorsOf(plain)).toEqual([{ pointer: '', detail: 'must be an object' }]);
  });

  it('asks for what is required', () => {
    expect(errorsOf({})).toEqual([{ pointer: '/name', detail: 'is required' }]);
    expect(errorsOf({ name: null })).toEqual([{ pointer: '/name', detail: 'is required' }]);
    expect(errorsOf({ name: 'a', peer: {} })).toEqual([{ pointer: '/peer/host', detail: 'is required' }]);
    expect(errorsOf({ name: 'a', peers: [{ host: 'h' }, {}] })).toEqual([
      { pointer: '/peers/1/host', detail: 'is required' },
    ]);
  });

  it('refuses unknown fields, and says where', () => {
    expect(errorsOf({ name: 'a', nmae: 1 })).toEqual([
      { pointer: '/nmae', detail: 'is not a known field; did you mean name?' },
    ]);
    expect(errorsOf({ name: 'a', peer: { host: 'h', hots: 1 } })).toEqual([
      { pointer: '/peer/hots', detail: 'is not a known field; did you mean host?' },
    ]);
    expect(errorsOf({ name: 'a', peers: [{ host: 'h', 'a/b~c': 1 }] })).toEqual([
      { pointer: '/peers/0/a~1b~0c', detail: 'is not a known field' },
    ]);
  });

  it('refuses every field for a class that has none', () => {
    expect(check(Nothing, {}).errors).toEqual([]);
    expect(check(Nothing, { value: 3 }).errors).toEqual([
      { pointer: '/value', detail: 'is not a known field' },
    ]);
  });

  it('reports every mistake at once, below the pointer it was given', () => {
    expect(errorsOf({ name: 7, peer: { host: '', port: 0 }, peers: 'none' }, '/params')).toEqual(
      expect.arrayContaining([
        { pointer: '/params/name', detail: 'must be a text' },
        { pointer: '/params/peer/host', detail: 'must not be empty' },
        { pointer: '/params/peer/port', detail: 'must be at least 1' },
        expect.objectContaining({ pointer: '/params/peers' }),
      ]),
    );
  });

  it.each([
    ['peer', 7],
    ['peer', 'h'],
    ['peer', ['h']],
    ['peers', [7]],
    ['peers', [null]],
    ['peers', { host: 'h' }],
    ['peers', Array.from({ length: 1_001 }, () => ({ host: 'h' }))],
  ])('refuses a %s of another shape: %j', (name, given) => {
    expect(errorsOf({ name: 'a', [name]: given })).not.toEqual([]);
  });

  it.each([[[[]]], [[[[]]]], [[[{ host: 'h' }]]], [[null]], [['h']], [[{ host: 'h' }, []]]])(
    'a list of objects that holds something else is refused where that stands: %j',
    (peers) => {
      const index = peers.length - 1;
      expect(errorsOf({ name: 'a', peers })).toEqual([
        { pointer: `/peers/${index}`, detail: 'must be an object' },
      ]);
    },
  );

  it('takes null as left out, also inside', () => {
    expect(check(Target, { name: 'a', note: null, peer: { host: 'h', port: null } })).toEqual({
      value: { name: 'a', peer: { host: 'h', port: 161 }, peers: [] },
      errors: [],
    });
  });

  it.each(['constructor', 'toString', '__proto__'])('a name inside of a value may be %s', (name) => {
    const labels = JSON.parse(`{"in": {"${name}": "x"}}`);
    const { value, errors } = check(Open, { labels });
    expect(errors).toEqual([]);
    expect(Object.entries((value!.labels as { in: object }).in)).toEqual([[name, 'x']]);
  });

  it('asks the class itself last, when its fields are right', () => {
    expect(errorsOf({ name: 'a', note: 'a' }, '/x')).toEqual([
      { pointer: '/x/note', detail: 'repeats the name' },
    ]);
    expect(errorsOf({ name: 'a', note: 'a', more: 1 })).toEqual([
      { pointer: '/more', detail: 'is not a known field' },
    ]);
  });

  it('throws for those who need the value', () => {
    expect(checked(Target, { name: 'a' }).name).toBe('a');
    expect(() => checked(Target, {})).toThrow(InvalidInput);
    expect(() => checked(Target, {}, '/params')).toThrow('/params/name: is required');
  });
});

test('an object that is no text, whatever it says of itself, is told by its place', () => {
  class Labelled {
    @TextMap({ description: 'labels' })
    labels: Record<string, string>;
  }
  // As JSON may hold it: it can't be made a text.
  const labels = JSON.parse('{"a": {"toString": "x", "valueOf": 1}}') as object;
  expect(check(Labelled, { labels }).errors).toEqual([{ pointer: '/labels/a', detail: 'must be a text' }]);
});

describe('what is too much of it is refused before it is looked at', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });

  test('fields by the hundred thousand', () => {
    const many = Object.fromEntries(Array.from({ length: 400_000 }, (_, index) => [`a${index}`, 1]));
    expect(errorsOf({ name: 'a', ...many })).toEqual([
      { pointer: '', detail: 'has 400001 fields; at most 1000 are looked at' },
    ]);
    expect(errorsOf({ name: 'a', peer: many }, '/x')).toEqual([
      { pointer: '/x/peer', detail: 'has 400000 fields; at most 1000 are looked at' },
    ]);
  });

  test('entries of a list', () => {
    expect(errorsOf({ name: 'a', peers: Array(300_000).fill({}) })).toEqual([
      { pointer: '/peers', detail: 'has 300000 entries; at most 1000 are allowed' },
    ]);
    expect(errorsOf({ name: 'a', peers: Array(1_000).fill({ host: 'b' }) })).toEqual([]);
  });

  test.each([
    ['objects', nested(65)],
    ['lists', JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown],
    ['something beside what is flat', { b: 1, c: [nested(64)] }],
  ])('%s within each other', (_, labels) => {
    expect(check(Open, { labels }).errors).toEqual([
      { pointer: '/labels', detail: 'is nested deeper than 64' },
    ]);
    expect(check(Open, { labels: nested(63) }).errors).toEqual([]);
  });
});
