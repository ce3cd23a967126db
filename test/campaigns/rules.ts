/** Tells the rule engine and its oracle the same stories, and looks for one in which they differ. */
import { search } from '../oracle/search';

const BATCH = 10_000;

export interface RulesReport {
  stories: number;
  /** How often each reason was given. */
  reasons: Map<string, number>;
  /** The simplest story found in which they differ. */
  difference?: string;
}

/** Batch by batch, each with a seed of its own, up to the first difference. */
export function rulesCampaign(
  stories: number,
  seed: number,
  report: (soFar: RulesReport) => void,
): RulesReport {
  const sum: RulesReport = { stories: 0, reasons: new Map() };
  while (sum.stories < stories && sum.difference === undefined) {
    const batch = Math.min(BATCH, stories - sum.stories);
    const { reasons, difference } = search(batch, seed + sum.stories / BATCH);
    for (const [reason, moments] of reasons)
      sum.reasons.set(reason, (sum.reasons.get(reason) ?? 0) + moments);
    sum.stories += batch;
    sum.difference = difference;
    report(sum);
  }
  return sum;
}
