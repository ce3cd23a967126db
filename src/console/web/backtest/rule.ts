/** What of a definition, as it is being edited, the page replays itself, and what only the server can. */
import type { RuleDefinition } from '../../../engine/compile-rule';
import { isOfChange, WINDOW_FUNCTIONS, type Window } from '../../../engine/window';
import type { Infrastructure } from '../api/shapes';
import { isObject, type JsonObject } from '../forms/values';
import type { BacktestRule } from './replay';

/** Values of fields that are left out, as the API has them; a spec compares. */
export const DEFAULTS = {
  enabled: true,
  intervalSeconds: 30,
  holdSeconds: 0,
  wisdomSeconds: 120,
  repeat: true,
  missingData: 'hold',
  mode: 'auto',
} as const;

const MISSING_DATA = ['hold', 'reset', 'breach', 'ok'] as const;
const MODES = ['auto', 'approve', 'shadow'] as const;
/** Metrics that are more than what was read of them. */
const NOT_READ = new Set(['alert', 'number_of_nodes']);

/**
 * Returns the rule of a definition. `undefined`: it is not whole yet. `'server'`: it needs what the page does not have,
 * such as the alerts it heard, or how a counter wrapped around.
 *
 * @param infrastructure what it scales, if anything
 */
export function backtestRule(
  definition: JsonObject,
  infrastructure: Infrastructure | undefined,
): BacktestRule | 'server' | undefined {
  const metrics = isObject(definition.metrics) ? definition.metrics : {};
  const choices = Object.entries(metrics);
  const rule = ruleOf(definition, metrics);
  if (rule === undefined || choices.length === 0) return undefined;
  const windows: BacktestRule['windows'] = [];
  for (const [metric, choice] of choices) {
    if (!isObject(choice) || typeof choice.type !== 'string') return undefined;
    if (NOT_READ.has(choice.type)) return 'server';
    if (choice.window === undefined) continue;
    const window = windowOf(choice.window);
    if (window === undefined) return undefined;
    if (isOfChange(window.function)) return 'server';
    windows.push({ metric, window });
  }
  if (!definition.infrastructure) return { definition: rule, windows };
  const scaling = scalingOf(definition, infrastructure);
  return scaling === undefined ? 'server' : { definition: rule, windows, scaling };
}

function ruleOf(definition: JsonObject, metrics: JsonObject): RuleDefinition | undefined {
  const given: JsonObject = { ...DEFAULTS, ...definition };
  const { holdSeconds, wisdomSeconds, intervalSeconds, condition, expect } = given;
  const missingData = MISSING_DATA.find((one) => one === given.missingData);
  const mode = MODES.find((one) => one === given.mode);
  if (!isLength(holdSeconds) || !isLength(wisdomSeconds) || !isLength(intervalSeconds)) return undefined;
  if (intervalSeconds < 1 || missingData === undefined || mode === undefined) return undefined;
  if (typeof condition !== 'string' || condition === '') return undefined;
  return {
    enabled: given.enabled !== false,
    metrics,
    condition,
    recovery: typeof given.recovery === 'string' && given.recovery !== '' ? given.recovery : null,
    holdSeconds,
    wisdomSeconds,
    intervalSeconds,
    repeat: given.repeat !== false,
    missingData,
    mode,
    dependsOn: Array.isArray(given.dependsOn) ? given.dependsOn : [],
    escalations: stepsOf(given.then),
    expect: isExpectation(expect) ? expect : null,
  };
}

const isLength = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

const stepsOf = (then: unknown): { afterSeconds: number }[] =>
  (Array.isArray(then) ? then : []).filter(
    (one): one is { afterSeconds: number } => isObject(one) && typeof one.afterSeconds === 'number',
  );

const isExpectation = (one: unknown): one is NonNullable<RuleDefinition['expect']> =>
  isObject(one) && typeof one.condition === 'string' && typeof one.withinSeconds === 'number';

function windowOf(given: unknown): Window | undefined {
  if (!isObject(given)) return undefined;
  const { function: name, seconds, minSamples } = given;
  const known = WINDOW_FUNCTIONS.find((one) => one === name);
  if (known === undefined || typeof seconds !== 'number' || !(seconds > 0)) return undefined;
  return { function: known, seconds, ...(typeof minSamples === 'number' ? { minSamples } : {}) };
}

/** Returns how it scales; undefined where its policy needs the server. */
function scalingOf(
  { direction, policy }: JsonObject,
  infrastructure: Infrastructure | undefined,
): BacktestRule['scaling'] {
  const { type = 'fixed', params } = isObject(policy) ? policy : {};
  const { nodes = 1 } = isObject(params) ? params : {};
  if (infrastructure === undefined || type !== 'fixed' || typeof nodes !== 'number') return undefined;
  if (direction !== 'up' && direction !== 'down') return undefined;
  return {
    infrastructure: infrastructure.name,
    direction,
    minNodes: infrastructure.minNodes,
    maxNodes: infrastructure.maxNodes,
    wisdomSeconds: direction === 'up' ? infrastructure.upWisdomSeconds : infrastructure.downWisdomSeconds,
    maxDirectionChanges: infrastructure.maxDirectionChangesPerHour,
    step: nodes,
  };
}
