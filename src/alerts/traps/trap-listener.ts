import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { CLOCK, type Clock } from '../../common/clock';
import { messageOf } from '../../common/errors';
import { Periodic } from '../../common/periodic';
import { telemetry } from '../../common/telemetry';
import { CONFIG, type Config } from '../../config/config';
import type { IncomingAlert } from '../alert';
import { alertOf } from '../formats/snmp.format';
import { Intake } from '../intake';
import { Sources } from '../sources';
import { TrapReceiver, type Notification } from './trap-receiver';

/** How soon a change of the sources counts. */
const SOURCES_MS = 2_000;
/** Notifications that wait to be committed; beyond this they are dropped, and counted. */
const MAX_WAITING = 50_000;
const MAX_BATCH = 1_000;
const RETRY_MS = 500;
/** A refused sender is worth a log line this often. */
const REFUSED_LOG_MS = 10_000;

/** Receives SNMP notifications and hands them to the intake, in batches: as alerts like any other. */
@Injectable()
export class TrapListener implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Traps');
  private readonly receiver: TrapReceiver;
  private readonly rounds = new Periodic('TrapSources', SOURCES_MS, () => this.takeSources());
  private waiting: IncomingAlert[] = [];
  private source = 'snmp';
  private flushing?: Promise<void>;
  private stopped = false;
  private refusedLoggedAt = 0;

  constructor(
    private readonly sources: Sources,
    private readonly intake: Intake,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.receiver = new TrapReceiver({
      ...config.trap,
      // Nobody is let in before the sources are known.
      communities: [],
      onNotification: (notification) => this.take(notification),
      onRefused: (address, reason) => this.refuse(address, reason),
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.config.embedded) await this.sources.createDefault();
    await this.takeSources().catch((error) =>
      this.logger.warn(`no source is known yet: ${messageOf(error)}`),
    );
    await this.receiver.start();
    this.logger.log(`receives SNMP notifications on UDP ${this.config.trap.host}:${this.receiver.port}`);
    this.rounds.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    await Promise.all([this.receiver.stop(), this.rounds.stop()]);
    await this.flushing;
    await this.flush();
  }

  private async takeSources(): Promise<void> {
    const { communities, source } = await this.sources.communities();
    this.receiver.setCommunities(communities);
    this.source = source;
  }

  private take(notification: Notification): void {
    if (this.waiting.length >= MAX_WAITING) return this.refuse(notification.sourceAddress, 'overload');
    this.waiting.push(alertOf(notification, this.clock.now()));
    this.flushing ??= this.flush().finally(() => (this.flushing = undefined));
  }

  /** While PostgreSQL is away they wait here, bounded; in order, and each until it is committed. */
  private async flush(): Promise<void> {
    // What arrives in the same turn of the loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, MAX_BATCH);
      try {
        await this.intake.accept({ name: this.source, format: 'snmp' }, batch);
        this.waiting = this.waiting.slice(batch.length);
      } catch (error) {
        this.logger.warn(
          `${this.waiting.length} notifications wait, they can't be committed: ${messageOf(error)}`,
        );
        if (this.stopped) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private refuse(address: string, reason: string): void {
    telemetry.alertsRefused.inc({ format: 'snmp', reason: reason === 'overload' ? 'overload' : 'refused' });
    const now = this.clock.now().getTime();
    if (now - this.refusedLoggedAt < REFUSED_LOG_MS) return;
    this.refusedLoggedAt = now;
    this.logger.warn(`refused a notification from ${address}: ${reason}`);
  }
}
