import { compileCondition } from '../src/engine/condition';
import type { Rule } from '../src/engine/types';

/** A rule of the engine, polled every 10 s, that triggers whenever its condition is true; specs say what is otherwise. */
export function ruleWhen(
  condition: string,
  given: Partial<Rule> = {},
  metrics: readonly string[] = ['cpu'],
): Rule {
  const compiled = compileCondition(condition, metrics);
  return {
    key: condition,
    enabled: true,
    condition: (values) => compiled(values).truth,
    holdMs: 0,
    wisdomMs: 0,
    repeat: true,
    missingData: 'hold',
    intervalMs: 10_000,
    mode: 'auto',
    ...given,
  };
}
