import { Injectable } from '@nestjs/common';

export interface Recheck {
  /** Looks again at what an execution would do to the nodes there are. @throws Conflict telling what has changed */
  recheck(execution: string): Promise<void>;
  /** What it wishes now, where it is tried again or late and the nodes have moved; undefined where nothing has changed. */
  renew(execution: string): Promise<object | undefined>;
}

/**
 * Where an execution that goes on some time after its decision meets what knows of nodes. A person who lets it go on is
 * told when it would not do any more what it says; one that goes on by itself wishes what is right by now.
 */
@Injectable()
export class Rechecks {
  private by?: Recheck;

  /** From now on, by this. */
  offer(by: Recheck): void {
    this.by = by;
  }

  /** @throws Conflict when the nodes have moved: the execution tells what it would do now, and the person is asked again */
  async of(execution: string): Promise<void> {
    if (this.by === undefined) throw new Error('nobody here can tell what an execution would do now');
    await this.by.recheck(execution);
  }

  /** The `nodes` it wishes now; undefined where they are as they were. */
  async renewed(execution: string): Promise<object | undefined> {
    return this.by?.renew(execution);
  }
}
