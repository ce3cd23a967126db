import { BatchStatement, integer, text, timestamp, uuid } from '../../database/statement';
import { askOf, type EntryTrigger, type LedgerEntry } from '../ledger-entry';

/** Statements on triggers, their alerts and their effects. */

/** Entry with a trigger. */
export type TriggerEntry = LedgerEntry & { trigger: EntryTrigger };

export const hasTrigger = (entry: LedgerEntry): entry is TriggerEntry => entry.trigger !== undefined;

/** Scaling is for a breach alone: other triggers tell of it. */
const ofBreach = <V>({ trigger }: TriggerEntry, value: V | undefined): V | null =>
  trigger.kind === 'breach' ? (value ?? null) : null;

/** Inserts triggers. */
export const INSERT_TRIGGERS = new BatchStatement<TriggerEntry>(
  'ledger_triggers',
  {
    id: uuid(({ trigger }) => trigger.id),
    service_id: uuid(({ compiled }) => compiled.service.id),
    infrastructure_id: uuid((entry) => ofBreach(entry, entry.compiled.infrastructure?.id)),
    at: timestamp(({ at }) => at),
    direction: text((entry) => ofBreach(entry, entry.compiled.rule.scaling?.direction)),
    delta: integer(({ trigger }) => trigger.nodes?.delta ?? null),
    justification: text(({ trigger }) => trigger.justification),
    kind: text(({ trigger }) => trigger.kind),
    desired: integer(({ trigger }) => trigger.nodes?.desired ?? null),
    still_to_come: integer((entry) => askOf(entry)?.left ?? 0),
    asked_at: timestamp((entry) => (askOf(entry)?.state.is === 'under_way' ? entry.at : null)),
  },
  ({ names, items }) => `INSERT INTO triggers (${names}) SELECT * FROM ${items}`,
  'by keys',
);

/** Inserts which alerts fed triggers. */
export const INSERT_TRIGGER_ALERTS = new BatchStatement<{ alert: string; trigger: string }>(
  'ledger_trigger_alerts',
  {
    alert_id: uuid(({ alert }) => alert),
    trigger_id: uuid(({ trigger }) => trigger),
  },
  ({ names, items }) => `INSERT INTO trigger_alerts (${names}) SELECT * FROM ${items} ON CONFLICT DO NOTHING`,
  'by keys',
);

/** Entry with the effect of an earlier trigger. */
type EffectEntry = LedgerEntry & { effect: NonNullable<LedgerEntry['effect']> };

export const hasEffect = (entry: LedgerEntry): entry is EffectEntry => entry.effect !== undefined;

/** Writes the effects of triggers; `not_executed` where none of the executions had succeeded. */
export const WRITE_EFFECTS = new BatchStatement<EffectEntry>(
  'ledger_effects',
  {
    service: uuid(({ compiled }) => compiled.service.id),
    began: timestamp(({ effect }) => effect.of),
    outcome: text(({ effect }) => effect.outcome),
    explanation: text(({ effect }) => effect.explanation),
    at: text(({ at }) => at.toISOString()),
  },
  ({ names, items }) =>
    `UPDATE triggers t
     SET effect = jsonb_build_object('at', u.at, 'explanation', u.explanation, 'outcome',
       CASE WHEN EXISTS (SELECT FROM executions e WHERE e.trigger_id = t.id AND e.status = 'succeeded') THEN u.outcome
         ELSE 'not_executed' END)
     FROM ${items} AS u (${names})
     WHERE t.service_id = u.service AND t.at = u.began AND t.kind = 'breach'`,
  'by keys',
);
