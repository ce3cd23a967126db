import { Inject, Injectable } from '@nestjs/common';
import { FormatRegistry } from '../alerts/format-registry';
import { AlertCommit } from '../alerts/ingest/alert-commit';
import type { LocalEvaluation } from '../alerts/local-alert-dispatch';
import { Matcher } from '../alerts/matcher';
import { CLOCK, type Clock } from '../common/clock';
import { newId } from '../common/ids';
import { CONFIG, type Config } from '../config/config';
import { KEPT } from '../database/data-source';
import { Database } from '../database/database';
import type { Sql, Steps, Transactions } from '../database/sql-pool';
import { NodeCounter } from '../polling/node-counter';
import { SilenceBook } from '../silences/silence-book';
import { AlertEvaluation } from './alert-evaluation';
import { Announcer } from './announcer';
import { Evaluator } from './evaluator';
import { FeedingAlerts } from './feeding-alerts';
import { Ledger } from './ledger';
import { Observer } from './observer';
import { PushedSamples } from './pushed-samples';
import { insertRehearsed, METRIC, rehearsedService } from './rehearsed-service';
import { RuleCompiler } from './rule-compiler';

const FORMAT = 'native';

/** Ends a rehearsal: undoes its transaction when all is written, and keeps what would follow from a commit from being done. */
class Rehearsed extends Error {
  constructor() {
    super('this was a rehearsal');
  }
}

/**
 * Rehearses an alert from its body to the execution that is written for it, before the process takes any: by the very
 * classes and statements, with a service of its own, in a transaction that is always undone. The first alert then finds
 * code loaded and compiled, and statements prepared on the connections that are kept.
 *
 * Always: it commits nothing, puts nothing on a queue, sends nothing and counts nothing. When it fails, or waits too long
 * for whoever changes definitions, the first alert is slower and nothing else.
 */
@Injectable()
export class Rehearsal {
  constructor(
    private readonly database: Database,
    private readonly formats: FormatRegistry,
    private readonly compiler: RuleCompiler,
    private readonly ledger: Ledger,
    private readonly counter: NodeCounter,
    private readonly feedingAlerts: FeedingAlerts,
    private readonly observer: Observer,
    private readonly announcer: Announcer,
    private readonly silences: SilenceBook,
    private readonly pushed: PushedSamples,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Rehearses on every connection that is kept, as each prepares its own statements.
   *
   * @throws what `once` throws
   */
  async onAll(): Promise<void> {
    await Promise.all(Array.from({ length: KEPT }, () => this.once()));
  }

  /**
   * Rehearses one alert.
   *
   * @throws Error saying what kept it from coming to its end
   */
  async once(): Promise<void> {
    let isOver = false;
    const undone = this.database.keyed.transaction(async (sql) => {
      await this.play(sql, () => (isOver = true));
      throw new Rehearsed();
    });
    await undone.catch((error: unknown) => {
      if (!(error instanceof Rehearsed)) throw error;
    });
    if (!isOver) throw new Error('the rehearsal did not come to its end');
  }

  private async play(sql: Sql, whenWritten: () => void): Promise<void> {
    const service = rehearsedService(this.clock.now());
    const revision = await insertRehearsed(sql, service);
    const compiled = this.compiler.compile(service);
    const labels = { rehearsal: service.id };
    const known = {
      matcher: new Matcher([{ service: service.id, metric: METRIC, match: labels }]),
      revision,
    };
    const subscriptions = {
      latest: known,
      coming: undefined,
      current: async () => known,
      refresh: () => undefined,
    };
    const keyed = undoneBy(sql, whenWritten);
    const evaluation = new AlertEvaluation(
      { keyed },
      subscriptions,
      { byIds: async () => [], remembered: () => [{ compiled, killSwitch: false }] },
      this.observer,
      this.evaluator(keyed),
      this.pushed,
      this.clock,
    );
    const commit = new AlertCommit(
      { keyed, copying: refused, transaction: refused },
      subscriptions,
      dispatchTo(evaluation),
      this.clock,
    );
    const raw = Buffer.from(JSON.stringify({ labels }));
    const facts = { raw, headers: {}, query: {}, now: this.clock.now() };
    const parsed = this.formats.get(FORMAT).strategy.parse({ labels }, {}, facts);
    const alerts = [...parsed].flatMap(({ alert }) => alert ?? []);
    await commit.of({ name: 'rehearsal', format: FORMAT }, alerts).catch((error: unknown) => {
      if (!(error instanceof Rehearsed)) throw error;
    });
  }

  private evaluator(keyed: Transactions): Evaluator {
    const worker = newId();
    const places = {
      reserve: (count: number) => ({ worker, count }),
      writes: () => undefined,
      begin: () => undefined,
      end: () => undefined,
    };
    return new Evaluator(
      { keyed },
      this.ledger,
      this.counter,
      this.feedingAlerts,
      this.observer,
      this.announcer,
      { places: () => places },
      this.silences,
      this.config,
      this.clock,
    );
  }
}

/** Returns SQL whose transactions are parts of one that will be undone; each ends as if its COMMIT had failed. */
function undoneBy(sql: Sql, whenWritten: () => void): Transactions {
  return {
    rows: (...asked) => sql.rows(...asked),
    transaction: refused,
    async inSteps<L, D, R>({ lock, decide, write }: Steps<L, D, R>): Promise<R> {
      const decided = await decide(sql, await lock(sql));
      await write(sql, decided);
      whenWritten();
      throw new Rehearsed();
    },
  };
}

/** Hands alerts to an evaluation in the transaction that inserts them, and to nobody else. */
const dispatchTo = (evaluation: Pick<LocalEvaluation, 'insertEvaluated'>) => ({
  repeated: () => undefined,
  take: () => refused(),
  mayTake: () => true,
  async insertEvaluated(...given: Parameters<LocalEvaluation['insertEvaluated']>): Promise<boolean> {
    return (await evaluation.insertEvaluated(...given)) !== undefined;
  },
});

function refused(): never {
  throw new Error('the alert of a rehearsal took another way than the first alert will');
}
