/** Looks for a story in which engine and oracle differ, makes it as simple as it can, and shows it. */
import fc from 'fast-check';
import { driven } from './drive';
import { foretold, type Verdict } from './oracle';
import { rulesOf, storyArbitrary, written, type MomentOfStory, type RuleOfStory, type Story } from './story';

export interface Found {
  /** Moments by the reason the oracle gave. */
  reasons: Map<string, number>;
  /** The simplest story in which they differ, for people; undefined when there is none. */
  difference?: string;
}

export function search(stories: number, seed: number): Found {
  const reasons = new Map<string, number>();
  const agree = fc.property(storyArbitrary, (story) => {
    const expected = foretold(story);
    for (const { reason } of expected) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    return sameVerdicts(expected, driven(story));
  });
  const { failed, counterexample, counterexamplePath, numShrinks } = fc.check(agree, {
    numRuns: stories,
    seed,
  });
  if (!failed) return { reasons };
  const how = `seed ${seed}, path ${counterexamplePath}, ${numShrinks} times made simpler`;
  return { reasons, difference: `${how}\n${shown(counterexample![0])}` };
}

/** A story with what the oracle says and, where it differs, what the engine says. */
export function shown(story: Story): string {
  const expected = foretold(story);
  let actual: Verdict[];
  try {
    actual = driven(story);
  } catch (error) {
    return [...ruleLines(story), JSON.stringify(story), (error as Error).stack].join('\n');
  }
  const rules = rulesOf(story);
  const lines = story.moments.map((moment, index) => {
    const cells = [
      `${moment.at} s`,
      valuesOf(moment),
      wordOf(expected[index]!),
      sameVerdicts([expected[index]!], [actual[index]!]) ? '' : wordOf(actual[index]!),
      notesOf(moment, rules[index]!),
    ];
    return cells.map((cell, column) => cell.padEnd([8, 12, 34, 34, 0][column]!)).join('  ');
  });
  const head = ['moment', 'values', 'oracle', 'engine, where it differs', 'what else'];
  return [
    ...ruleLines(story),
    head.map((cell, column) => cell.padEnd([8, 12, 34, 34, 0][column]!)).join('  '),
    ...lines,
    JSON.stringify(story),
  ].join('\n');
}

function ruleLines({ rule, nodes, inFlight }: Story): string[] {
  const { condition, recovery, scaling, holdSeconds, wisdomSeconds, missingData, mode } = rule;
  const how = rule.isPolled ? `polled every ${rule.intervalSeconds} s` : 'fed by alerts';
  const ended = recovery ? `, until ${written(recovery)}` : '';
  const once = rule.repeat ? '' : ', once until recovered';
  const lines = [
    `when ${written(condition)}${ended}; hold ${holdSeconds} s, wisdom ${wisdomSeconds} s${once}`,
    `${how}, missing data: ${missingData}, mode ${mode}`,
  ];
  if (scaling) {
    const { direction, minNodes, maxNodes, maxDirectionChangesPerHour: changes } = scaling;
    lines.push(
      `scales ${direction} by ${scaling.nodes}, ${minNodes} to ${maxNodes} nodes (${nodes} now, ${inFlight} in flight), ` +
        `wisdom ${scaling.wisdomSeconds} s, ${changes} changes of direction an hour`,
    );
  }
  return lines;
}

const valuesOf = ({ values }: MomentOfStory): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value ?? '-'}`)
    .join(' ');

const wordOf = ({ phase, reason, triggered, desired, steps }: Verdict): string =>
  `${phase}/${reason}${triggered ? '!' : ''}${steps.map((step) => ` step ${step}`).join('')}${desired === undefined ? '' : ` -> ${desired}`}`;

function notesOf(moment: MomentOfStory, { enabled }: RuleOfStory): string {
  const notes = [
    ...moment.others.map(({ direction, at }) => `another scales ${direction} at ${at} s`),
    ...(moment.nodesSetTo === undefined ? [] : [`nodes are ${moment.nodesSetTo}`]),
    ...(moment.nodesReadable ? [] : ['nodes unreadable']),
    ...(moment.killSwitch ? ['kill switch'] : []),
    ...(moment.news ? ['an alert fires'] : []),
    ...(moment.change ? [moment.change.what] : []),
    ...(enabled ? [] : ['is disabled']),
  ];
  return notes.join(', ');
}

const sameVerdicts = (some: Verdict[], others: Verdict[]): boolean =>
  some.length === others.length &&
  some.every(({ phase, reason, triggered, desired, steps }, index) => {
    const other = others[index]!;
    return (
      phase === other.phase &&
      reason === other.reason &&
      steps.join() === other.steps.join() &&
      triggered === other.triggered &&
      desired === other.desired
    );
  });
