import { BatchStatement, json, text, timestamp, uuid } from '../../database/statement';
import type { LedgerEntry } from '../ledger-entry';

/** Statements on decisions, the intervals of the ledger. */

/**
 * Opens intervals, and ends those before them: an interval ends where the next begins. Of one that began by a clock that
 * was ahead nothing but its end is known.
 */
export const OPEN_DECISIONS = new BatchStatement<LedgerEntry>(
  'ledger_decisions',
  {
    id: uuid(({ decisionId }) => decisionId),
    service_id: uuid(({ compiled }) => compiled.service.id),
    started_at: timestamp(({ at }) => at),
    phase: text(({ state }) => state.phase),
    reason: text(({ state }) => state.reason),
    explanation: text(({ explanation }) => explanation),
    metric_values: json(({ values }) => values),
    trigger_id: uuid(({ trigger }) => trigger?.id ?? null),
    why: json(({ why }) => why),
    before: uuid(({ closes }) => closes ?? null),
  },
  ({ names, items, all }) => {
    const own = names.replace(', before', '');
    return `WITH n AS MATERIALIZED (SELECT * FROM ${items} AS n (${names})), ended AS (
       UPDATE decisions d SET ended_at = n.started_at, started_at = least(d.started_at, n.started_at)
       FROM n WHERE d.id = n.before AND d.id = ANY(${all('before')}))
     INSERT INTO decisions (${own}) SELECT ${own} FROM n`;
  },
  'by keys',
);

/** Sets back the start of open intervals that began in the future, as their states did. */
export const SET_BACK_DECISIONS = new BatchStatement<LedgerEntry>(
  'ledger_set_back',
  {
    id: uuid(({ decisionId }) => decisionId),
    at: timestamp(({ at }) => at),
  },
  ({ names, items, all }) =>
    `UPDATE decisions d SET started_at = least(d.started_at, e.at)
     FROM ${items} AS e (${names}) WHERE d.id = e.id AND d.id = ANY(${all('id')})`,
  'by keys',
);
