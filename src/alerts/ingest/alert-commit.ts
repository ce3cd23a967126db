import type { Clock } from '../../common/clock';
import { inTurns } from '../../common/turns';
import type { AlertSource, IncomingAlert } from '../alert';
import { ChangedAlerts } from './changed-alerts';
import { beginnings, bygone, classify } from './classify';
import { digestsOf } from './digests';
import { NOTHING_KEPT, type Kept } from './kept';
import { NewAlerts, NONE_INSERTED } from './new-alerts';
import { SeenAgain } from './seen-again';
import type { Surroundings } from './surroundings';

/** Share of new alerts above which alerts are inserted without looking for kept ones first. */
const MOSTLY = 0.9;
/** Number of alerts from which looking up a sample of `SAMPLED` alerts is cheaper than a useless insert. */
const LARGE = 1_000;
const SAMPLED = 50;

/**
 * Commits the alerts of one source: new ones are inserted, repeated ones are written as seen again, and changed ones
 * are merged into the kept ones.
 */
export class AlertCommit {
  private readonly newAlerts: NewAlerts;
  private readonly changedAlerts: ChangedAlerts;
  private readonly seenAgain: SeenAgain;
  /** True where most alerts of the last batch were new, as in an alert storm. */
  private comesNew = false;

  constructor(
    private readonly database: Surroundings['database'],
    subscriptions: Surroundings['subscriptions'],
    private readonly dispatch: Surroundings['dispatch'],
    private readonly clock: Clock,
  ) {
    this.newAlerts = new NewAlerts(database, subscriptions, dispatch, clock);
    this.changedAlerts = new ChangedAlerts(database, subscriptions, this.newAlerts, clock);
    this.seenAgain = new SeenAgain(database.keyed, clock);
  }

  /** @throws Unavailable when PostgreSQL is away */
  async of(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Kept> {
    const begun = (await this.seemNew(source, alerts))
      ? await this.newAlerts.insert(source, beginnings(alerts), true)
      : NONE_INSERTED;
    const rest = alerts.filter(({ dedupKey }) => !begun.ids.has(dedupKey));
    const digests = await digestsOf(this.database.keyed, source, rest);
    const { repeated, seen, changed, unknown } = await inTurns(
      classify(rest, digests, this.clock.now().getTime()),
    );
    for (const key of await this.seenAgain.write(seen, digests)) changed.add(key);
    this.dispatch.repeated(
      source,
      [...seen].flatMap(([key, alert]) => (changed.has(key) ? [] : [alert])),
    );
    const fresh = await this.newAlerts.insert(source, unknown, this.comesNew);
    this.comesNew = begun.ids.size + fresh.ids.size > MOSTLY * alerts.length;
    const isOther = ({ dedupKey }: IncomingAlert) => changed.has(dedupKey) || fresh.taken.has(dedupKey);
    const others = rest.filter(isOther);
    const kept = others.length === 0 ? NOTHING_KEPT : await this.changedAlerts.merge(source, others);
    const keptNow = kept.accepted[Symbol.iterator]();
    const overtaken = new Set([...kept.overtaken, ...fresh.overtaken]);
    this.dispatch.repeated(source, bygone(alerts, overtaken));
    return {
      accepted: alerts.map((alert) => {
        if (isOther(alert)) return keptNow.next().value;
        const { dedupKey } = alert;
        const id = begun.ids.get(dedupKey) ?? repeated.get(dedupKey) ?? fresh.ids.get(dedupKey);
        return id === undefined ? undefined : { id, dedupKey };
      }),
      overtaken,
      news: [...begun.news, ...fresh.news, ...kept.news],
      sooner: kept.sooner,
    };
  }

  /** Tells whether a batch is probably new. Looks up a sample of a large batch, which is costly to insert in vain. */
  private async seemNew(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<boolean> {
    if (!this.comesNew || alerts.length < LARGE) return this.comesNew;
    const every = Math.floor(alerts.length / SAMPLED);
    const some = alerts.filter((_, index) => index % every === 0);
    const known = await digestsOf(this.database.keyed, source, some);
    return known.size < (1 - MOSTLY) * SAMPLED;
  }
}
