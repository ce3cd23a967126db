import { chunks } from '../common/chunks';
import { objectsOf } from './get-message';

/** OID of sysUpTime.0, hundredths of a second since the agent began, RFC 3418. */
export const SYS_UP_TIME = '1.3.6.1.2.1.1.3.0';

/**
 * Objects that an agent is asked for, none of them twice. What it makes of them it keeps, as the same ones are asked
 * for at every poll.
 */
export class ObjectList {
  private encoded?: readonly Buffer[];
  private timed?: ObjectList;
  private parts: { atMost: number; lists: readonly ObjectList[] } | undefined;

  /** @param oids dotted, without a leading dot */
  constructor(readonly oids: readonly string[]) {}

  get length(): number {
    return this.oids.length;
  }

  /** The OIDs as they stand in a message. */
  get objects(): readonly Buffer[] {
    return (this.encoded ??= objectsOf(this.oids));
  }

  /** The list with sysUpTime; itself where that is among them. */
  get withUpTime(): ObjectList {
    this.timed ??= this.oids.includes(SYS_UP_TIME) ? this : new ObjectList([...this.oids, SYS_UP_TIME]);
    return this.timed;
  }

  /** Returns lists of at most so many objects; only itself where they are no more. */
  inParts(atMost: number): readonly ObjectList[] {
    if (this.length <= atMost) return [this];
    if (this.parts?.atMost !== atMost)
      this.parts = { atMost, lists: chunks(this.oids, atMost).map((oids) => new ObjectList(oids)) };
    return this.parts.lists;
  }
}
