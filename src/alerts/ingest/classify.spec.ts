import type { IncomingAlert } from '../alert';
import { textsOf, type AlertDigest } from '../dedup';
import { beginnings, bygone, classify, type Classes } from './classify';

const NOW = Date.UTC(2026, 0, 1);
const SECOND = 1_000;

const alert = (dedupKey: string, more: Partial<IncomingAlert> = {}): IncomingAlert => ({
  dedupKey,
  status: 'firing',
  labels: { host: 'web-1' },
  annotations: {},
  ...more,
});

/** What is kept of a firing alert that was last seen a minute ago. */
const digest = (more: Partial<AlertDigest> = {}): AlertDigest => ({
  id: 'kept',
  status: 'firing',
  at: NOW - 600 * SECOND,
  reportedAt: NOW - 60 * SECOND,
  endsAt: null,
  lifeSeconds: null,
  lastSeenAt: NOW - 60 * SECOND,
  content: textsOf(alert('a')).content,
  ...more,
});

function classesOf(alerts: IncomingAlert[], kept: Record<string, AlertDigest>): Classes {
  const steps = classify(alerts, new Map(Object.entries(kept)), NOW);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

const keysOf = ({ repeated, seen, changed, unknown }: Classes) => ({
  repeated: [...repeated.keys()],
  seen: [...seen.keys()],
  changed: [...changed],
  unknown: unknown.map(({ dedupKey }) => dedupKey),
});

const NONE = { repeated: [], seen: [], changed: [], unknown: [] };

test.each<[string, IncomingAlert[], Record<string, AlertDigest>, Partial<ReturnType<typeof keysOf>>]>([
  ['nothing', [], {}, {}],
  ['one whose key is not kept', [alert('a')], {}, { unknown: ['a'] }],
  ['one that was seen a minute ago', [alert('a')], { a: digest() }, { repeated: ['a'], seen: ['a'] }],
  ['one that was seen just now', [alert('a')], { a: digest({ lastSeenAt: NOW - 1 }) }, { repeated: ['a'] }],
  ['one that says something else', [alert('a', { value: 7 })], { a: digest() }, { changed: ['a'] }],
  ['the end of what fires', [alert('a', { status: 'resolved' })], { a: digest() }, { changed: ['a'] }],
  ['one whose life was over', [alert('a')], { a: digest({ lifeSeconds: 30 }) }, { changed: ['a'] }],
  [
    'one that ends sooner',
    [alert('a', { endsAt: new Date(NOW + 60 * SECOND) })],
    { a: digest({ endsAt: NOW + 300 * SECOND }) },
    { changed: ['a'] },
  ],
  [
    'one that repeats what is kept, and one of the same key that does not',
    [alert('a'), alert('a', { value: 7 })],
    { a: digest() },
    { repeated: ['a'], changed: ['a'] },
  ],
  [
    'one of each',
    [alert('a'), alert('b', { value: 1 }), alert('c')],
    { a: digest(), b: digest({ id: 'other' }) },
    { repeated: ['a'], seen: ['a'], changed: ['b'], unknown: ['c'] },
  ],
])('%s', (_, alerts, kept, expected) => {
  expect(keysOf(classesOf(alerts, kept))).toEqual({ ...NONE, ...expected });
});

test('only what fires, is no end, and comes once begins something by itself', () => {
  const alerts = [
    alert('a'),
    alert('twice'),
    alert('twice'),
    alert('over', { status: 'resolved' }),
    alert('end', { isEnd: true }),
  ];
  expect(beginnings(alerts).map(({ dedupKey }) => dedupKey)).toEqual(['a']);
});

test('a number with a time of its own is bygone when a later one of its key came, before or with it', () => {
  const at = (dedupKey: string, seconds: number, more: Partial<IncomingAlert> = {}) =>
    alert(dedupKey, { value: seconds, saidAt: new Date(NOW + seconds * SECOND), ...more });
  const [early, late, late2, overtaken] = [at('a', 1), at('a', 2), at('a', 2), at('b', 9)];
  const others = [at('c', 1, { saysStartAlone: true }), alert('d', { value: 3 }), at('e', 1)];
  expect(bygone([early, late, late2, overtaken, ...others], new Set([overtaken]))).toEqual([
    early,
    overtaken,
  ]);
});
