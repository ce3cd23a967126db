import { join } from 'node:path';
import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import type { IncomingAlert } from '../alerts/alert';
import { messageOf } from '../common/errors';
import { newId } from '../common/ids';
import { Periodic } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import { AlertIngest } from '../alerts/alert-ingest';
import { Sources } from '../alerts/sources';
import type { Datagram } from './datagrams';
import { TrapAdmission } from './trap-admission';
import { labelledBy, labelsProblem } from '../alerts/confinement';
import { Engines } from '../snmp/engines';
import { EngineStore } from '../snmp/engine-store';
import { Informs } from './informs';
import { Mibs } from './mibs';
import { refusal, type Refusal } from '../snmp/refusal';
import { Refusals } from './refusals';
import { forgetKeys, SecureMessages } from '../snmp/secure-messages';
import { Spool } from './spool';
import { MAX_BATCH, TrapFlow, type PendingTrap } from './trap-flow';
import { TrapSocket } from './trap-socket';
import { TrapSource } from './trap-source';

/** Longest time until a change of the sources counts. */
const SOURCES_MS = 2_000;
const REPORT_MS = 1_000;
/** Time after which a spool that could not be opened is tried again. */
const SPOOL_MS = 2_000;
/** Most bytes of datagrams that wait to be read; beyond it they are dropped, and counted. */
const MAX_HELD_BYTES = 64 << 20;
/** Shortest time between two log lines about refused senders. */
const REFUSED_LOG_MS = 10_000;

/** Tells which of some alerts are kept. */
const KEPT = new Statement<{ id: string }>('traps_kept', 'SELECT id FROM alerts WHERE id = ANY($1::uuid[])');

/**
 * Receives SNMP notifications and commits them in batches, as alerts like any other.
 *
 * - Until the sources are known, `admission` is undefined and datagrams wait in memory.
 * - Three rounds run side by side with the flow: sources, spool (until it is open) and reports; none of them twice at a
 *   time.
 * - Sources that are known count until newer ones are read.
 */
@Injectable()
export class TrapListener implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Traps');
  private readonly socket: TrapSocket;
  private readonly engines = new Engines();
  private readonly informs = new Informs();
  private readonly sourceRounds = new Periodic('TrapSources', SOURCES_MS, () => this.takeSources());
  private readonly reportRounds = new Periodic('TrapReports', REPORT_MS, () => this.report());
  private readonly spoolRounds = new Periodic('TrapSpool', SPOOL_MS, () => this.openSpool());
  private flow?: TrapFlow;
  /** Admission of datagrams; undefined until the sources are known. */
  private admission?: TrapAdmission;
  private spool?: Spool;
  private whyNoSpool = 'it is not open yet';
  private whyNoSources: string | undefined = 'they were not asked for yet';
  private refusedLoggedAt = 0;

  constructor(
    private readonly sources: Sources,
    private readonly ingest: AlertIngest,
    private readonly mibs: Mibs,
    private readonly refusals: Refusals,
    private readonly engineStore: EngineStore,
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.socket = new TrapSocket({
      ...config.trap,
      maxHeldBytes: MAX_HELD_BYTES,
      onDatagrams: (packed) => this.flow?.take(packed),
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.config.embedded) await this.sources.createDefault();
    await this.socket.start();
    const spool = () => this.spool;
    this.flow = new TrapFlow({
      trapIn: (datagram) => this.trapIn(datagram),
      accept: (source, alerts) => this.ingest.accept({ name: source, format: 'snmp' }, this.notAhead(alerts)),
      kept: (ids) => this.kept(ids),
      release: (packed) => this.socket.release(packed),
      acknowledge: (answer, address, port) => this.socket.send(answer, address, port),
      get spool() {
        return spool();
      },
      informs: this.informs,
    });
    await this.openSpool().catch((error) =>
      this.logger.warn(`notifications wait in memory alone while PostgreSQL is away: ${messageOf(error)}`),
    );
    await this.takeSources().catch((error) =>
      this.logger.warn(`no source is known yet: ${messageOf(error)}`),
    );
    this.logger.log(`receives SNMP notifications on UDP ${this.config.trap.host}:${this.socket.port}`);
    this.sourceRounds.start();
    this.spoolRounds.start();
    this.reportRounds.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.sourceRounds.stop();
    await this.spoolRounds.stop();
    await this.socket.stop();
    await this.flow?.stop();
    await this.reportRounds.stop();
    await this.report().catch(() => undefined);
  }

  /**
   * Moves moments that lie ahead to now: notifications that were put on disk before PostgreSQL told its time bear the
   * time of this machine's clock, which may be ahead.
   */
  private notAhead(alerts: readonly IncomingAlert[]): readonly IncomingAlert[] {
    const now = this.clock.now();
    const isAhead = ({ at }: IncomingAlert) => at !== undefined && at > now;
    return alerts.some(isAhead) ? alerts.map((one) => (isAhead(one) ? { ...one, at: now } : one)) : alerts;
  }

  /**
   * Checks that notifications can be put on disk while PostgreSQL is away.
   *
   * @throws Error when they can't
   */
  async ableToSpool(): Promise<void> {
    if (this.spool === undefined) throw new Error(`MONSCALE_SPOOL_DIR can't be used: ${this.whyNoSpool}`);
    await this.spool.able();
  }

  /** Returns why no source takes what comes; until sources are known it waits in memory. */
  sourcesProblem(): string | undefined {
    return this.whyNoSources;
  }

  /**
   * Opens the spool, unless it is open; what an earlier process left in it is committed first. @throws Error when it
   * can't be opened
   */
  private async openSpool(): Promise<void> {
    if (this.spool !== undefined) return;
    const { dir, maxBytes } = this.config.spool;
    // By port: no two listeners may share one.
    const spool = new Spool(join(dir, `traps-${this.socket.port}`), maxBytes, MAX_BATCH);
    try {
      await spool.open();
    } catch (error) {
      this.whyNoSpool = messageOf(error);
      throw new Error(`MONSCALE_SPOOL_DIR can't be used: ${this.whyNoSpool}`, { cause: error });
    }
    telemetry.spoolBytes.set(spool.bytes);
    this.spool = spool;
  }

  private async takeSources(): Promise<void> {
    try {
      await this.lookForSources();
      this.whyNoSources = undefined;
    } catch (error) {
      // Those that are known count until there are others.
      if (this.whyNoSources !== undefined) this.whyNoSources = messageOf(error);
      throw error;
    }
  }

  private async lookForSources(): Promise<void> {
    const now = this.clock.now();
    this.admission ??= new TrapAdmission(new SecureMessages(await this.engineStore.own(now)), this.engines);
    for (const engineId of await this.engineStore.newlyForgotten(now)) this.engines.forget(engineId);
    this.engines.learn(await this.engineStore.heard(now));
    await this.mibs.refresh();
    const sources = await this.sources.snmp();
    this.admission.setSources(
      sources.map(({ id, name, params, limits }) => new TrapSource(id, name, params, limits)),
    );
    this.flow?.start();
  }

  private trapIn(datagram: Datagram): PendingTrap | undefined {
    const now = this.clock.now();
    const { address, port } = datagram;
    const admission = this.admission!.admit(datagram, now);
    if (admission.source === undefined) {
      if (admission.refused) this.refuse(admission.sender, admission.refused, now);
      if (admission.answer) this.socket.send(admission.answer, address, port);
      return undefined;
    }
    const { source, notification, acknowledgement } = admission;
    const id = newId();
    const said = source.rules.alertsOf({ id, at: now, ...admission }, this.mibs);
    const alerts = said.map((alert) => (source.limits ? labelledBy(alert, source.limits) : alert));
    if (source.limits && alerts.some((alert) => labelsProblem(alert, source.limits!))) {
      this.refuse(admission.sourceAddress, refusal('labels not allowed', source.id), now);
      return undefined;
    }
    const trap = { id, source: source.name, alerts };
    if (acknowledgement === undefined) return trap;
    const key = `${address} ${port} ${notification.inform?.requestId} ${notification.trapOid}`;
    const fate = this.informs.meet(key, now);
    if (fate === 'kept') this.socket.send(acknowledgement, address, port);
    return fate === undefined ? { inform: { key, acknowledgement, address, port }, ...trap } : undefined;
  }

  private async kept(ids: string[]): Promise<Set<string>> {
    const rows = await KEPT.rows(this.database, [ids]);
    return new Set(rows.map(({ id }) => id));
  }

  private refuse(address: string, refused: Refusal, now: Date): void {
    this.refusals.note(address, refused, now);
    if (now.getTime() - this.refusedLoggedAt < REFUSED_LOG_MS) return;
    this.refusedLoggedAt = now.getTime();
    this.logger.warn(`refused a notification from ${address}: ${refused.reason}`);
  }

  /** Reports what was counted since the last time, and stores engines and refusals. */
  private async report(): Promise<void> {
    const { received, dropped, kernelDropped } = this.socket.counts();
    telemetry.trapDatagrams.inc(received);
    telemetry.trapDrops.inc({ where: this.whyNoSources === undefined ? 'memory' : 'no sources' }, dropped);
    telemetry.trapDrops.inc({ where: 'kernel' }, kernelDropped);
    if (dropped + kernelDropped > 0)
      this.logger.warn(
        `${dropped + kernelDropped} notifications were lost: they came faster than they are read`,
      );
    forgetKeys();
    const heard = this.engines.takeChanged();
    await this.engineStore.keep(heard).catch((error) => {
      this.engines.giveBack(heard);
      throw error;
    });
    await this.refusals.flush();
  }
}
