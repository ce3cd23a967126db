import { Inject, Injectable } from '@nestjs/common';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';

const EVERY_MS = 15_000;

/** States of executions that a person or a worker has to do something about. */
const OPEN = ['queued', 'awaiting_approval', 'running', 'waiting', 'held', 'unknown'] as const;

interface ServicesRow {
  phase: string;
  reason: string;
  count: number;
}

/**
 * Sets the metrics of what is stored and shared by all processes: services by phase and reason, open executions, the
 * kill switch. What can't be read is not shown: an old number would look like a new one.
 */
@Injectable()
export class StateMetrics extends Recurring {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    try {
      // Not at once: that would open connections for nothing else.
      const services = await this.database.rows<ServicesRow>(
        `SELECT CASE WHEN s.enabled THEN coalesce(st.phase, 'unknown') ELSE 'disabled' END AS phase,
           CASE WHEN s.enabled THEN coalesce(st.reason, 'missing_data') ELSE 'disabled' END AS reason, count(*)::int AS count
         FROM services s LEFT JOIN service_states st ON st.service_id = s.id GROUP BY 1, 2`,
      );
      const executions = await this.database.rows<{ status: string; count: number }>(
        OPEN.map(
          (status) =>
            `SELECT '${status}' AS status, count(*)::int AS count FROM executions WHERE status = '${status}'`,
        ).join(' UNION ALL '),
      );
      const [killSwitch] = await this.database.rows<{ on: boolean }>('SELECT is_on AS on FROM kill_switch');
      telemetry.services.reset();
      for (const { phase, reason, count } of services) telemetry.services.set({ phase, reason }, count);
      for (const { status, count } of executions) telemetry.openExecutions.set({ status }, count);
      telemetry.killSwitch.set(killSwitch!.on || this.config.killSwitch ? 1 : 0);
    } catch (error) {
      telemetry.services.reset();
      telemetry.openExecutions.reset();
      telemetry.killSwitch.remove();
      throw error;
    }
  }
}
