import { BatchStatement, json, text, timestamp, uuid } from '../../database/statement';
import type { LedgerEntry } from '../ledger-entry';

/** Statements on decisions, the intervals of the ledger. */

export const INSERT_DECISIONS = new BatchStatement<LedgerEntry>(
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
  },
  ({ names, items }) => `INSERT INTO decisions (${names}) SELECT * FROM ${items}`,
  'by keys',
);

/** Ends open intervals. Of one that began by a clock that was ahead nothing but its end is known. */
export const CLOSE_DECISIONS = new BatchStatement<LedgerEntry>(
  'ledger_close',
  {
    id: uuid(({ closes }) => closes!),
    at: timestamp(({ at }) => at),
  },
  ({ names, items }) =>
    `UPDATE decisions d SET ended_at = e.at, started_at = least(d.started_at, e.at)
     FROM ${items} AS e (${names}) WHERE d.id = e.id AND d.id = ANY($1::uuid[])`,
  'by keys',
);

/** Sets back the start of open intervals that began in the future, as their states did. */
export const SET_BACK_DECISIONS = new BatchStatement<LedgerEntry>(
  'ledger_set_back',
  {
    id: uuid(({ decisionId }) => decisionId),
    at: timestamp(({ at }) => at),
  },
  ({ names, items }) =>
    `UPDATE decisions d SET started_at = least(d.started_at, e.at)
     FROM ${items} AS e (${names}) WHERE d.id = e.id AND d.id = ANY($1::uuid[])`,
  'by keys',
);
