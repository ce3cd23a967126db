import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { differences } from '../common/differences';
import { Conflict } from '../common/errors';
import { CONFIG, type Config } from '../config/config';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { flag, moment, object, oneOf, shape, text } from '../common/shapes';

export interface ShownKillSwitch {
  on: boolean;
  /** Setter that holds it on: the environment of the process that answers, or a person by the API. */
  by?: 'environment' | 'api';
  reason?: string;
  changedAt?: string;
}

export const KILL_SWITCH = shape(
  'KillSwitch',
  object({ on: flag }, { by: oneOf(['environment', 'api']), reason: text, changedAt: moment }),
);

/**
 * Kill switch: while it is on, decisions are taken and recorded and nothing is executed. Set in the environment of a
 * process, it is on for what that process does; set by the API, for all of them from the next decision and claim on.
 */
@Injectable()
export class KillSwitch {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async isOn(): Promise<boolean> {
    return (await this.show()).on;
  }

  async show(): Promise<ShownKillSwitch> {
    const [row] = await this.database.rows<{ is_on: boolean; reason: string; changed_at: Date | null }>(
      'SELECT is_on, reason, changed_at FROM kill_switch',
    );
    const { is_on, reason, changed_at } = row!;
    const by = this.config.killSwitch ? 'environment' : is_on ? 'api' : undefined;
    return {
      on: by !== undefined,
      ...(by === undefined ? {} : { by }),
      ...(reason === '' ? {} : { reason }),
      ...(changed_at === null ? {} : { changedAt: changed_at.toISOString() }),
    };
  }

  /**
   * Turns it on or off, for all processes.
   *
   * @throws Conflict when the environment holds it on
   */
  async set(on: boolean, reason: string): Promise<ShownKillSwitch> {
    if (!on && this.config.killSwitch) {
      throw new Conflict('MONSCALE_KILL_SWITCH is on; take it out of the environment and start again');
    }
    await this.database.transaction(async (sql) => {
      const [before] = await sql.rows<{ on: boolean; reason: string }>(
        'SELECT is_on AS on, reason FROM kill_switch FOR UPDATE',
      );
      await sql.rows('UPDATE kill_switch SET is_on = $1, reason = $2, changed_at = $3', [
        on,
        reason,
        this.clock.now(),
      ]);
      const changes = differences(before, { on, reason });
      await recordAudit(sql, [{ action: 'update', object: { type: 'kill_switch' }, changes }]);
    });
    return this.show();
  }
}
