import { compileCondition, type Condition } from './condition';
import type { MissingData, Mode, Predicate, Rule, Scaling } from './types';

/** Part of a service's definition that makes its rule, as it is stored. */
export interface RuleDefinition {
  readonly enabled: boolean;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly condition: string;
  readonly recovery: string | null;
  readonly holdSeconds: number;
  readonly wisdomSeconds: number;
  readonly repeat: boolean;
  readonly missingData: MissingData;
  readonly intervalSeconds: number;
  readonly mode: Mode;
  readonly dependsOn: readonly unknown[];
  readonly escalations: readonly { readonly afterSeconds: number }[];
  readonly expect: { readonly condition: string; readonly withinSeconds: number } | null;
}

/** What a rule has beside its definition. */
export interface RuleSurroundings {
  key: string;
  /** Whether one of its metrics is polled. */
  polled: boolean;
  scaling: Scaling | undefined;
}

/**
 * Compiles a definition to what the engine evaluates.
 *
 * @throws ConditionError
 */
export function compileRule(definition: RuleDefinition, { key, polled, scaling }: RuleSurroundings): Rule {
  const names = Object.keys(definition.metrics);
  const { condition, recovery, escalations, expect } = definition;
  return {
    key,
    enabled: definition.enabled,
    condition: predicate(compileCondition(condition, names)),
    recovery: recovery === null ? undefined : predicate(compileCondition(recovery, names)),
    holdMs: definition.holdSeconds * 1000,
    wisdomMs: definition.wisdomSeconds * 1000,
    repeat: definition.repeat,
    missingData: definition.missingData,
    intervalMs: polled ? definition.intervalSeconds * 1000 : undefined,
    graceMs: definition.intervalSeconds * 1000,
    isDependent: definition.dependsOn.length > 0,
    mode: definition.mode,
    scaling,
    escalationMs:
      escalations.length === 0 ? undefined : escalations.map(({ afterSeconds }) => afterSeconds * 1000),
    expect:
      expect === null
        ? undefined
        : {
            condition: predicate(compileCondition(expect.condition, names)),
            withinMs: expect.withinSeconds * 1000,
          },
  };
}

const predicates = new WeakMap<Condition, Predicate>();

/** Returns one predicate for all services with the same condition. */
function predicate(condition: Condition): Predicate {
  let made = predicates.get(condition);
  if (made === undefined) predicates.set(condition, (made = (values) => condition(values).truth));
  return made;
}
