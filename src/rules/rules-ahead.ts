import { setTimeout as sleep } from 'node:timers/promises';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Subscriptions } from '../alerts/subscriptions';
import { chunks } from '../common/chunks';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { Database } from '../database/database';
import { Rehearsal } from './rehearsal';
import { ServiceLoader } from './service-loader';

/** Number of services whose rules are compiled before the process takes anything: a few milliseconds. */
const BEFORE_START = 50;
/** Longest time that the start waits for them, milliseconds. */
const AT_MOST_MS = 2_000;
/** Largest number of services whose rules are compiled before they are asked for. */
const AHEAD_AT_MOST = 5_000;
/** Number of services that are compiled in one go, and the pause after it, milliseconds: an eighth of one core at most. */
const PAGE = 25;
const PAUSE_MS = 40;

/** Services that alerts alone feed, of those that were evaluated last. */
const RECENT = `SELECT s.id FROM (SELECT service_id, written_by FROM service_states ORDER BY written_by DESC LIMIT $1) st
   JOIN services s ON s.id = st.service_id
   WHERE s.enabled AND NOT s.polled AND s.infrastructure_id IS NULL ORDER BY st.written_by DESC`;

/**
 * Compiles the rules of services that alerts feed before an alert asks for them: only an alert whose rules are compiled is
 * evaluated in the transaction that inserts it. At start those that were evaluated last, a few before the process takes
 * anything, along with a rehearsal, and the others afterwards, bit by bit; then those whose definitions change.
 *
 * What it fails to do is done when an alert asks for it.
 */
@Injectable()
export class RulesAhead implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('RulesAhead');
  private readonly stopping = new AbortController();
  private compiling: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly subscriptions: Subscriptions,
    private readonly loader: ServiceLoader,
    private readonly rehearsal: Rehearsal,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.subscriptions.whenChanged = (services) => this.follow(services);
    this.database.whenDefinitionsChange.add(() => this.subscriptions.refresh());
    await withDeadline(AT_MOST_MS, () => this.begin()).catch((error: unknown) => this.tell(error));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.compiling;
  }

  private async begin(): Promise<void> {
    const [rows] = await Promise.all([
      this.database.rows<{ id: string }>(RECENT, [AHEAD_AT_MOST]),
      this.subscriptions.current(),
    ]);
    const ids = rows.map(({ id }) => id);
    // Where no alert has ever been evaluated, nothing is loaded for it.
    if (ids.length === 0) return;
    await Promise.all([this.loader.byIds(ids.slice(0, BEFORE_START)), this.rehearsal.onAll()]);
    this.compile(ids.slice(BEFORE_START));
  }

  /** Compiles anew those of changed services that were compiled before. */
  private follow(services: readonly string[]): void {
    const known = services.filter((id) => this.loader.knows(id));
    if (known.length <= AHEAD_AT_MOST) this.compile(known);
  }

  /** Compiles services, after those that are being compiled. */
  private compile(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.compiling = this.compiling
      .then(() => this.bitByBit(ids))
      .catch((error: unknown) => this.tell(error));
  }

  private async bitByBit(ids: readonly string[]): Promise<void> {
    for (const some of chunks(ids, PAGE)) {
      if (this.stopping.signal.aborted) return;
      await this.loader.byIds(some);
      if (ids.length > PAGE) await pause(this.stopping.signal);
    }
  }

  private tell(error: unknown): void {
    this.logger.debug(`rules are compiled when alerts ask for them: ${messageOf(error)}`);
  }
}

/** Waits without keeping the process from ending. */
const pause = (signal: AbortSignal): Promise<void> =>
  sleep(PAUSE_MS, undefined, { signal, ref: false }).catch(() => undefined);
