import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import { NEAR_MS, Queues } from '../queue/queues';

const EVERY_MS = 2_000;
const LATE_MS = 3_000;
const AT_ONCE = 5_000;

/** Kinds of work of which there is some: moments of services, near or late, and late alerts and changed services. */
interface Look {
  moments: boolean;
  alerts: boolean;
  changes: boolean;
}

/**
 * Looks whether anything is late at a moment, or whether a service has its next moment before another. By the first of
 * each: asked whether there is one at all, the planner may read rows until it meets one, which may be all of them.
 */
const LOOK = new Statement<Look>(
  'alerts_look',
  `SELECT coalesce((SELECT min(next_moment) FROM service_states) <= $2, false) AS moments,
     coalesce((SELECT min(received_at) FROM alerts WHERE processed < revision) < $1, false) AS alerts,
     coalesce((SELECT min(changed_at) FROM changed_services) < $1, false) AS changes`,
);

/** Finds alerts that have waited too long to be evaluated, longest first. */
const LATE_ALERTS = new Statement<{ id: string }>(
  'alerts_late',
  'SELECT id FROM alerts WHERE processed < revision AND received_at < $1 ORDER BY received_at LIMIT $2',
);

/** Finds services whose next moment has passed, longest first. */
const LATE_MOMENTS = new Statement<{ id: string }>(
  'alerts_late_moments',
  'SELECT service_id AS id FROM service_states WHERE next_moment < $1 ORDER BY next_moment LIMIT $2',
);

/** Finds changed services that were not looked at since, longest first. */
const LATE_CHANGES = new Statement<{ id: string }>(
  'alerts_late_changes',
  'SELECT service_id AS id FROM changed_services WHERE changed_at < $1 ORDER BY changed_at LIMIT $2',
);

/** Finds services whose next moment is near. */
const NEAR_MOMENTS = new Statement<{ id: string; at: Date }>(
  'alerts_near_moments',
  `SELECT service_id AS id, next_moment AS at FROM service_states
   WHERE next_moment >= $1 AND next_moment <= $2 ORDER BY next_moment LIMIT $3`,
);

/**
 * Sweep that queues services shortly before their next moment, and queues again what Redis has lost: moments, changed
 * services and alerts.
 */
@Injectable()
export class AlertSweep extends Recurring {
  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    const now = this.clock.now();
    const before = new Date(now.getTime() - LATE_MS);
    const until = new Date(now.getTime() + NEAR_MS);
    // Mostly there is nothing, which one statement tells.
    const [look] = await LOOK.rows(this.database, [before, until]);
    const { moments: hasMoments, alerts: hasAlerts, changes: hasChanges } = look!;
    if (hasMoments) await this.queues.addServices(await this.near(now, until), now);
    const alerts = hasAlerts ? await this.late(LATE_ALERTS, before) : [];
    const services = hasMoments ? await this.late(LATE_MOMENTS, before) : [];
    const changed = hasChanges ? await this.late(LATE_CHANGES, before) : [];
    if (alerts.length + services.length + changed.length === 0) return;
    // While jobs wait, what is late is in one of them: workers are behind, nothing is lost.
    if ((await this.queues.waiting('alerts')) > 0) return;
    if (await this.queues.addAlerts(alerts)) telemetry.swept.inc({ what: 'alerts' }, alerts.length);
    if (await this.queues.addServices(idsOf(services), now))
      telemetry.swept.inc({ what: 'moments' }, services.length);
    if (await this.queues.addServices(idsOf(changed), now))
      telemetry.swept.inc({ what: 'changed_services' }, changed.length);
  }

  /** Returns services whose next moment is near. The queue has the same moment once, however often it is added. */
  private near(now: Date, until: Date): Promise<{ id: string; at: Date }[]> {
    return NEAR_MOMENTS.rows(this.database, [now, until, AT_ONCE]);
  }

  private async late(statement: Statement<{ id: string }>, before: Date): Promise<string[]> {
    const rows = await statement.rows(this.database, [before, AT_ONCE]);
    return rows.map(({ id }) => id);
  }
}

const idsOf = (ids: readonly string[]) => ids.map((id) => ({ id }));
