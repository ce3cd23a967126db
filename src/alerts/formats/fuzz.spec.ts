/** Whatever is sent to a format: it is read, or refused by an error that says why. */
import 'reflect-metadata';
import fc from 'fast-check';
import { json } from '../../../test/nasty-json';
import { InvalidInput } from '../../common/errors';
import { readJson } from '../../common/json';
import type { AlertFormat, Facts, Parsed } from './alert-format';
import { AlertFormatMapping } from './alert-format';
import { ALERT_FORMATS } from '.';
import { headOf, shownPayload } from './kept-payload';
import { SnsWeb } from './sns-web';

const RUNS = 300;
const SEED = 20_261_122;
const NOW = new Date('2026-11-22T10:00:00Z');

const web: SnsWeb = new (class extends SnsWeb {
  protected override get(): never {
    throw new Error('asked the world');
  }
})();
const formats = ALERT_FORMATS.map((cls) => {
  const { type, params } = Reflect.getMetadata(AlertFormatMapping.KEY, cls) as {
    type: string;
    params: new () => object;
  };
  return { type, params: new params(), format: new (cls as new (web: SnsWeb) => AlertFormat)(web) };
});

const factsOf = (raw: Buffer, headers: Record<string, string> = {}): Facts => ({
  raw,
  headers,
  query: {},
  now: NOW,
});

/** What PostgreSQL can keep. */
const isStorable = (text: string): boolean => !/\0/.test(text) && Buffer.from(text).toString() === text;

function judge(one: Parsed): void {
  if (one.errors) {
    expect(one.errors.length).toBeGreaterThan(0);
    for (const { pointer, detail } of one.errors)
      expect([typeof pointer, detail !== '']).toEqual(['string', true]);
    return;
  }
  if (one.untold !== undefined) return expect(one.untold).not.toBe('');
  const { dedupKey, status, value, labels, annotations, at, endsAt, lifeSeconds, raw } = one.alert;
  expect(['firing', 'resolved']).toContain(status);
  expect(dedupKey.length).toBeLessThanOrEqual(255);
  for (const [name, text] of [...Object.entries(labels), ...Object.entries(annotations)]) {
    expect(typeof text).toBe('string');
    expect(isStorable(name + text)).toBe(true);
  }
  for (const moment of [at, endsAt]) expect(Number.isNaN(moment?.getTime())).toBe(false);
  for (const number of [value, lifeSeconds]) expect(Number.isFinite(number ?? 0)).toBe(true);
  expect((JSON.stringify(raw) ?? '').length).toBeLessThan(60_000);
}

describe.each(formats)('$type', ({ format, params }) => {
  const take = async (facts: Facts) => {
    try {
      const body = format.read ? await format.read(facts) : readJson(facts.raw);
      [...format.parse(body, params, facts)].forEach(judge);
      format.looksLike?.(body, facts);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
    }
    expect(isStorable(shownPayload(headOf(facts)))).toBe(true);
  };

  test('reads or refuses any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(json, (value) => take(factsOf(Buffer.from(JSON.stringify(value) ?? '')))),
      { numRuns: RUNS, seed: SEED },
    );
  });

  test('reads or refuses what is no JSON', async () => {
    const headers = fc.dictionary(
      fc.constantFrom(
        'ce-specversion',
        'ce-id',
        'ce-source',
        'ce-type',
        'ce-time',
        'ce-extra',
        'content-type',
      ),
      fc.oneof(fc.string(), fc.constantFrom('1.0', '%00%FF', 'application/cloudevents-batch+json')),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), headers, (bytes, given) =>
        take(factsOf(Buffer.from(bytes), given)),
      ),
      { numRuns: RUNS, seed: SEED },
    );
  });

  test.each([
    ['', 'nothing'],
    ['{', 'half of it'],
    ['{"alerts": [{"labels": {"__proto__": {"x": 1}}}]}', 'a prototype'],
    ['{"constructor": {"prototype": {"x": 1}}}', 'a constructor'],
    ['{"value": 1e400, "labels": {"a": "b"}}', 'an endless number'],
    ['{"labels": {"a\\u0000b": "\\ud800"}}', 'a NUL'],
    [`${'['.repeat(2_000)}${']'.repeat(2_000)}`, 'deep lists'],
    [`{"alerts": [${'{"labels":'.repeat(2_000)}1${'}'.repeat(2_000)}]}`, 'deep objects'],
  ])('%.40s: reads or refuses %s', async (body) => {
    await take(factsOf(Buffer.from(body)));
    expect(Object.prototype).not.toHaveProperty('x');
  });
});
