import type { Database } from '../../database/database';
import type { LocalAlertDispatch } from '../local-alert-dispatch';
import type { Subscriptions } from '../subscriptions';

/** What committing alerts uses of the program, so that a rehearsal can put something else in its place. */
export interface Surroundings {
  database: Pick<Database, 'keyed' | 'copying' | 'transaction'>;
  subscriptions: Pick<Subscriptions, 'latest' | 'coming' | 'current' | 'refresh'>;
  dispatch: Pick<LocalAlertDispatch, 'repeated' | 'take' | 'mayTake' | 'insertEvaluated'>;
}
