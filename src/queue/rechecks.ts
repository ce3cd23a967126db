import { Injectable } from '@nestjs/common';

export interface Recheck {
  /**
   * Checks again what an execution would do to the present nodes.
   *
   * @throws Conflict saying what has changed
   */
  recheck(execution: string): Promise<void>;
  /**
   * Returns the nodes it should ask for now, when it is retried or late and the nodes have changed; undefined when they
   * have not.
   */
  renew(execution: string): Promise<object | undefined>;
}

/**
 * Access to rechecks of executions that go on some time after their decision, without importing the module that knows
 * about nodes. A person who lets one go on is told when its effect has changed; one that goes on by itself asks for
 * what is right now.
 */
@Injectable()
export class Rechecks {
  private by?: Recheck;

  /** Sets the implementation. */
  offer(by: Recheck): void {
    this.by = by;
  }

  /**
   * Checks again what an execution would do.
   *
   * @throws Conflict when the nodes have changed: the execution then says what it would do now, and the person is asked
   * again
   */
  async of(execution: string): Promise<void> {
    if (this.by === undefined) throw new Error('nobody here can tell what an execution would do now');
    await this.by.recheck(execution);
  }

  /** Returns the `nodes` it should ask for now; undefined when they have not changed. */
  async renewed(execution: string): Promise<object | undefined> {
    return this.by?.renew(execution);
  }
}
