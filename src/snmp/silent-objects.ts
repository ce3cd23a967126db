import { keepNewest } from '../common/newest';

/** Most objects of one agent that are remembered, of which the latest stay. */
const AT_MOST = 64;

/**
 * Objects about which an agent says nothing, as some do of what they should refuse: each question that holds one is
 * lost, with all that it asks for beside it.
 *
 * An object that met silence when it was asked for alone is suspected, or known as silent where the agent answered
 * something else meanwhile: an agent that is away says as much of every object. It is neither once it is answered.
 */
export class SilentObjects {
  /** Whether each is known as silent; those that met silence last come last. */
  private readonly met = new Map<string, boolean>();

  get isEmpty(): boolean {
    return this.met.size === 0;
  }

  /** Tells whether an object is known as silent, and is better asked for alone. */
  has(oid: string): boolean {
    return this.met.get(oid) === true;
  }

  /**
   * Notes that an object met silence when it was asked for alone.
   *
   * @param isThere whether the agent answered something else meanwhile
   */
  noteSilence(oid: string, isThere: boolean): void {
    const isKnown = isThere || this.has(oid);
    keepNewest(this.met, oid, isKnown, AT_MOST);
  }

  noteAnswer(oids: readonly string[]): void {
    if (this.isEmpty) return;
    for (const oid of oids) this.met.delete(oid);
  }

  /** Returns objects with those last that met silence, the latest of them at the very end. */
  suspectsLast(oids: readonly string[]): readonly string[] {
    if (this.isEmpty) return oids;
    const own = new Set(oids);
    return [
      ...oids.filter((oid) => !this.met.has(oid)),
      ...[...this.met.keys()].filter((oid) => own.has(oid)),
    ];
  }
}
