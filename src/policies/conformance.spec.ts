/** What every policy mapping keeps to. A new mapping adds its row to ROWS. */
import { existsSync, readFileSync } from 'node:fs';
import { Reflector } from '@nestjs/core';
import type { Type } from '@nestjs/common';
import { check } from '../common/check';
import { fieldsOf } from '../common/fields';
import type { MappingOptions } from '../common/mapping-registry';
import type { Values } from '../engine/types';
import { POLICY_MAPPINGS } from './';
import { PolicyMapping, type Policy } from './policy';

interface Row {
  good: object;
  /** Params to be refused. */
  refused: object[];
  /** Values under which it wishes for other than 4 nodes, both up and down. */
  values: { up: Values; down: Values };
}

const ROWS: Record<string, Row> = {
  fixed: {
    good: { nodes: 2 },
    refused: [{ nodes: 0 }, { nodes: 1.5 }, { nodes: '1' }],
    values: { up: {}, down: {} },
  },
  step: {
    good: {
      metric: 'cpu',
      threshold: 50,
      steps: [
        { upper: 0, adjustment: -1 },
        { lower: 0, adjustment: 1 },
      ],
    },
    refused: [
      {},
      { metric: 'cpu', threshold: 50 },
      { metric: 'cpu', threshold: 50, steps: [] },
      { metric: 'cpu', threshold: 50, steps: 'many' },
      { metric: 'cpu', threshold: 50, steps: [7] },
      { metric: 'cpu', threshold: '50', steps: [{ adjustment: 1 }] },
      { metric: 'cpu', threshold: 50, steps: [{ adjustment: 1, surprise: 1 }] },
      { metric: 'cpu', threshold: 50, steps: [{ adjustment: 1 }], adjustmentType: 'Double' },
    ],
    values: { up: { cpu: 90 }, down: { cpu: 10 } },
  },
  target_tracking: {
    good: { metric: 'cpu', target: 50 },
    refused: [{}, { metric: 'cpu' }, { metric: 7, target: 50 }, { metric: 'cpu', target: 0 }],
    values: { up: { cpu: 90 }, down: { cpu: 10 } },
  },
};

const HEADINGS = ['Example', 'Params', 'What it sends', 'How its outcomes are read', 'Notes'];

const reflector = new Reflector();
const MAPPINGS = POLICY_MAPPINGS.map((cls) => {
  const { type, params } = reflector.get(PolicyMapping, cls) as MappingOptions;
  const policy = new cls() as Policy<object>;
  return { type, params, policy };
});
const GOING_BY_A_METRIC = MAPPINGS.filter(({ params }) =>
  fieldsOf(params).some(({ name }) => name === 'metric'),
);

describe('every policy mapping', () => {
  const paramsOf = (cls: Type<object>, given: object): object => {
    const { value, errors } = check(cls, given);
    expect(errors).toEqual([]);
    return value!;
  };

  it('has a row here', () => {
    expect(MAPPINGS.map(({ type }) => type).sort()).toEqual(Object.keys(ROWS).sort());
  });

  it.each(MAPPINGS)('$type refuses bad params', ({ type, params }) => {
    for (const bad of [...ROWS[type]!.refused, { ...ROWS[type]!.good, surprise: 1 }]) {
      expect(check(params, bad)).toEqual({
        errors: expect.arrayContaining([expect.objectContaining({ detail: expect.any(String) })]),
      });
    }
  });

  it.each(MAPPINGS)(
    '$type wishes in both directions, the same every time, and changes nothing it is given',
    ({ type, params, policy }) => {
      const { good, values } = ROWS[type]!;
      const given = frozen(paramsOf(params, good));
      const wish = (direction: 'up' | 'down') =>
        policy.wish(given, frozen({ effective: 4, direction }), frozen(values[direction]));
      const wishes = [wish('up'), wish('down')];
      expect(wishes[0]).toBeGreaterThan(4);
      expect(wishes[1]).toBeLessThan(4);
      expect([wish('up'), wish('down')]).toEqual(wishes);
    },
  );

  it.each(GOING_BY_A_METRIC)('$type wishes nothing when its value is missing', ({ type, params, policy }) => {
    const wish = (metric: string) =>
      policy.wish(
        paramsOf(params, { ...ROWS[type]!.good, metric }),
        { effective: 4, direction: 'up' },
        { other: 90 },
      );
    expect(wish('cpu')).toBeUndefined();
    // What every object has is no value.
    expect(wish('toString')).toBeUndefined();
  });

  it.each(GOING_BY_A_METRIC)('$type goes by a metric of the service alone', ({ type, params, policy }) => {
    const given = paramsOf(params, ROWS[type]!.good);
    expect(policy.problems!(given, { metrics: ['memory', 'cpu'] })).toEqual([]);
    expect(policy.problems!(given, { metrics: ['memory', 'load'] })).toEqual([
      { pointer: '/metric', detail: "must be one of the service's metrics: memory, load" },
    ]);
  });

  it.each(MAPPINGS)('$type has a page whose example is valid', ({ type, params }) => {
    const page = `docs/policies/${type}.md`;
    expect(existsSync(page)).toBe(true);
    const text = readFileSync(page, 'utf8');
    expect([...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual(HEADINGS);
    const [, block] = /```json\n([\s\S]*?)```/.exec(text) ?? [];
    const example = JSON.parse(block ?? '') as { type: string; params: object };
    expect(example.type).toBe(type);
    paramsOf(params, example.params);
    for (const { name, nested } of fieldsOf(params)) {
      expect(text).toContain(`\`${name}\``);
      for (const inner of nested ? fieldsOf(nested()) : []) expect(text).toContain(`\`${inner.name}\``);
    }
  });
});

/** Writing to it throws. */
function frozen<T extends object>(object: T): T {
  for (const value of Object.values(object)) if (typeof value === 'object' && value !== null) frozen(value);
  return Object.freeze(object);
}
