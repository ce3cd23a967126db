import type { MonscaleProcess, World } from '../../program';
import type { Random } from '../seeded';

/** Where mischief happens: a program that others rely on meanwhile. */
export interface Stage {
  readonly world: World;
  /** What every process of it is given: which name server it asks, and the like. */
  readonly env: Record<string, string>;
  /** The API and the trap listener, to which senders speak. */
  readonly front: MonscaleProcess;
  /** A token of a source of format `native`. */
  readonly sourceToken: string;
  /** The port of the name server that the program's processes ask, whose zones can be silenced. */
  readonly zones: Zones;
  readonly random: Random;
  /** A folder of this run, for files that misbehave. */
  readonly folder: string;
}

export interface Zones {
  /** Leaves questions for names below it unanswered, until it is told otherwise. */
  silence(zone: string, isSilent: boolean): void;
}

/** One kind of hostility. It ends what it starts, in some 10 s. */
export interface Mischief {
  /** As the report counts it. */
  name: string;
  play(stage: Stage): Promise<void>;
}

export const upTo = (random: Random, end: number): number => Math.floor(random() * end);

export const oneOf = <T>(random: Random, items: readonly T[]): T => items[upTo(random, items.length)]!;
