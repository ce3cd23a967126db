import { Injectable } from '@nestjs/common';

/** Looks again at what an execution would do to the nodes there are. @throws Conflict telling what has changed */
export type Recheck = (execution: string) => Promise<void>;

/**
 * Where a person's word, given some time after a decision, meets what knows of nodes: before an execution is let go on,
 * whoever decided it is asked whether it would still do what it says.
 */
@Injectable()
export class Rechecks {
  private recheck?: Recheck;

  /** From now on, by this. */
  offer(recheck: Recheck): void {
    this.recheck = recheck;
  }

  /** @throws Conflict when the nodes have moved: the execution tells what it would do now, and the person is asked again */
  async of(execution: string): Promise<void> {
    if (this.recheck === undefined) throw new Error('nobody here can tell what an execution would do now');
    await this.recheck(execution);
  }
}
