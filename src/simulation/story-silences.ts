import { Choice, Decimal, Text } from '../common/fields';
import type { FieldError } from '../common/errors';
import type { Parent, SilenceWindow } from '../engine/types';

const TIME = { unit: 's', minimum: 0, maximum: 3_153_600_000 };

/** Silence in a story, in its own seconds. */
export class StorySilence {
  @Decimal({ description: 'From when on', ...TIME })
  from = 0;

  @Decimal({ description: 'Until when', ...TIME })
  to: number;

  @Choice(['actions', 'scale_down', 'notifications'], { description: 'What it mutes' })
  mutes = 'actions';

  @Choice(['act', 'wait'], { description: 'What a breach that lasts at its end does' })
  onEnd = 'act';

  problems(): FieldError[] {
    return this.to > this.from ? [] : [{ pointer: '/to', detail: 'must be after from' }];
  }
}

/** Phase of a service on which the one of the story depends. */
export class StoryParent {
  @Text({ description: 'Name of the other service', minLength: 1, maxLength: 200 })
  service: string;

  @Choice(['ok', 'pending', 'alarm', 'unknown'], { description: 'Its phase in that time' })
  phase = 'alarm';

  @Decimal({ description: 'From when on', ...TIME })
  from = 0;

  @Decimal({ description: 'Until when', ...TIME })
  to: number;

  problems(): FieldError[] {
    return this.to > this.from ? [] : [{ pointer: '/to', detail: 'must be after from' }];
  }
}

/** What stands around a rule in a story, in moments of its time. */
export interface StorySurroundings {
  silences: SilenceWindow[];
  parents: (Parent & { from: number; until: number })[];
}

/**
 * Returns what is told of silences and other services.
 *
 * @param begin moment that is second 0
 * @param whenPhase phases of others in which the rule does not act
 */
export function surroundingsOf(
  silences: readonly StorySilence[],
  parents: readonly StoryParent[],
  whenPhase: ReadonlySet<string>,
  begin = 0,
): StorySurroundings {
  const at = (seconds: number) => begin + seconds * 1000;
  return {
    silences: silences.map(({ from, to, mutes, onEnd }, index) => ({
      id: String(index),
      owner: 'the story',
      reason: 'a silence of the story',
      mutes: mutes as SilenceWindow['mutes'],
      onEnd: onEnd as SilenceWindow['onEnd'],
      from: at(from),
      until: at(to),
    })),
    parents: parents
      .filter(({ phase }) => whenPhase.has(phase))
      .map(({ service, phase, from, to }) => ({
        name: service,
        phase: phase as Parent['phase'],
        from: at(from),
        until: at(to),
      })),
  };
}

/** Returns problems of lists of both, whose items are not checked as a whole. */
export const listProblems = (
  lists: Readonly<Record<string, readonly { problems(): FieldError[] }[]>>,
): FieldError[] =>
  Object.entries(lists).flatMap(([name, items]) =>
    items.flatMap((item, index) =>
      item.problems().map(({ pointer, detail }) => ({ pointer: `/${name}/${index}${pointer}`, detail })),
    ),
  );
