import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { differences } from '../common/differences';
import { Conflict } from '../common/errors';
import { leastIdAt } from '../common/ids';
import { CONFIG, type Config } from '../config/config';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { flag, moment, object, oneOf, shape, text } from '../common/shapes';

const HELD_BY = ['environment', 'api'] as const;
export type HeldBy = (typeof HELD_BY)[number];

export interface ShownKillSwitch {
  on: boolean;
  /** What holds it on: the environment of the process that answers, or the API, by which somebody turned it on. */
  heldBy?: HeldBy;
  /** Who turned it on, as the audit names them; `environment` where that holds it, which is also a name that a user may have. */
  by?: string;
  reason?: string;
  /** When it was last turned on or off. */
  at?: string;
  /** The same, by its earlier name. */
  changedAt?: string;
}

interface Row {
  is_on: boolean;
  reason: string;
  changed_at: Date | null;
}

/** Most that the clock of a process, by which entries of the audit are found, is off; milliseconds. */
const CLOCKS_APART_MS = 300_000;
/** What is said of somebody whom the audit does not know any more. */
const SOMEBODY = 'api';

export const KILL_SWITCH = shape(
  'KillSwitch',
  object({ on: flag }, { heldBy: oneOf(HELD_BY), by: text, reason: text, at: moment, changedAt: moment }),
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
    return this.config.killSwitch || (await this.row()).is_on;
  }

  async show(): Promise<ShownKillSwitch> {
    const { is_on, reason, changed_at } = await this.row();
    const heldBy = this.config.killSwitch ? 'environment' : is_on ? 'api' : undefined;
    const by = heldBy === 'api' ? await this.changedBy(changed_at) : heldBy;
    const at = changed_at?.toISOString();
    return {
      on: heldBy !== undefined,
      ...(heldBy === undefined ? {} : { heldBy, by }),
      ...(reason === '' ? {} : { reason }),
      ...(at === undefined ? {} : { at, changedAt: at }),
    };
  }

  private async row(): Promise<Row> {
    const [row] = await this.database.rows<Row>('SELECT is_on, reason, changed_at FROM kill_switch');
    return row!;
  }

  /** Returns who changed it last, at that moment. */
  private async changedBy(at: Date | null): Promise<string> {
    if (at === null) return SOMEBODY;
    const [entry] = await this.database.rows<{ actor: string }>(
      `SELECT actor FROM audit
       WHERE object_type = 'kill_switch' AND outcome = 'succeeded' AND id >= $1 AND id < $2 ORDER BY id DESC LIMIT 1`,
      [-CLOCKS_APART_MS, CLOCKS_APART_MS].map((apart) => leastIdAt(new Date(at.getTime() + apart))),
    );
    return entry?.actor ?? SOMEBODY;
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
