import { ruleWhen } from '../../test/rule';
import { check, checked } from '../common/check';
import type { CompiledService } from '../rules/compiled-service';
import { differences, RuleTestDto } from './rule-test';

const errorsOf = (series: object) =>
  check(RuleTestDto, { name: 'a', service: 'b', series, triggers: [] }).errors;

describe('the series of a test', () => {
  test('are bounded together', () => {
    expect(errorsOf({ a: '0x499999', b: '0+1x499999' })).toEqual([]);
    expect(errorsOf({ a: '0x499999', b: '0x499999', c: '1' })).toEqual([
      { pointer: '/series/c', detail: 'makes more than 1000000 values with those before it' },
    ]);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`m${index}`, '_x1000000']));
    expect(errorsOf(many)).toHaveLength(99);
  });

  test.each(['0+1x1000000000', '_x999999999999', '0x999999 1x999999'])(
    '%s is refused before it is made',
    (notation) => {
      expect(errorsOf({ a: notation })).toEqual([
        { pointer: '/series/a', detail: expect.stringContaining('makes more than 1000000 values') },
      ]);
    },
  );
});

describe('what stands around a rule', () => {
  test('may be told, and a silence or a phase that ends before it begins is refused', () => {
    const test = (around: object) => ({
      name: 'a',
      service: 'b',
      series: { a: '1' },
      triggers: [],
      ...around,
    });
    const silence = { from: 60, to: 120, mutes: 'scale_down', onEnd: 'wait' };
    expect(
      check(RuleTestDto, test({ silences: [silence], parents: [{ service: 'sw', to: 5 }] })).errors,
    ).toEqual([]);
    const wrong = { silences: [{ ...silence, to: 60 }], parents: [{ service: 'sw', from: 9, to: 5 }] };
    expect(check(RuleTestDto, test(wrong)).errors).toEqual([
      { pointer: '/silences/0/to', detail: 'must be after from' },
      { pointer: '/parents/0/to', detail: 'must be after from' },
    ]);
    expect(check(RuleTestDto, test({ parents: [{ service: 'sw', phase: 'down', to: 5 }] })).errors).toMatchObject([{ pointer: '/parents/0/phase' }]); // prettier-ignore
  });

  test('mutes and stops as it does in the program', async () => {
    const rule = ruleWhen('cpu > 80', { wisdomMs: 0, repeat: false, graceMs: 10_000, isDependent: true });
    const service = {
      intervalSeconds: 10,
      metrics: { cpu: {} },
      dependsOn: [{ service: 'id', equal: [], whenPhase: ['alarm'] }],
    };
    const compiled = {
      rule,
      service,
      windows: [],
      alertMetrics: [],
      reads: { cpu: {} },
    } as unknown as CompiledService;
    const told = (around: object) =>
      differences(checked(RuleTestDto, { name: 'a', service: 'b', series: { cpu: '93x10' }, ...around }), {
        compiled,
        nodes: 0,
      });
    expect(await told({ triggers: [0] })).toEqual([]);
    expect(await told({ silences: [{ to: 30 }], triggers: [40], at: { 30: 'alarm silenced' } })).toEqual([]);
    expect(await told({ silences: [{ to: 30, onEnd: 'wait' }], triggers: [] })).toEqual([]);
    expect(
      await told({ parents: [{ service: 'sw', to: 30 }], triggers: [30], at: { 20: 'dependency' } }),
    ).toEqual([]);
    expect(await told({ parents: [{ service: 'sw', phase: 'unknown', to: 30 }], triggers: [0] })).toEqual([]);
  });
});
