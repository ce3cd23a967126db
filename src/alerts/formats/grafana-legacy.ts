/** Messages of Grafana's legacy alerting (up to version 10): one rule each, with a state in place of alerts. */
import { isObject } from '../../common/json';
import type { Parsed } from './alert-format';
import { keptAlert } from './kept-payload';
import { hashedKey, labelsOf, textIn, withoutEmpty } from './reading';

/** States of a rule by which an alert begins or ends; by all others nothing does. */
const STATUSES = new Map([
  ['alerting', 'firing'],
  ['ok', 'resolved'],
] as const);
/** States by which nothing begins or ends, with the reason. */
const UNTOLD = new Map([
  ['no_data', 'state no_data says that Grafana could not look'],
  ['unknown', 'state unknown says that Grafana could not look'],
  ['pending', 'state pending says that the rule waits'],
  ['paused', 'state paused says that nobody looks'],
]);

/** Tells whether a message is of the legacy alerting. */
export const isLegacy = (body: unknown): body is Record<string, unknown> =>
  isObject(body) && body.alerts === undefined && typeof body.state === 'string' && 'ruleName' in body;

/**
 * Parses a message. It has neither labels nor a time: the labels are the rule's name and its tags, and reports count in
 * the order of their receipt.
 *
 * @see https://grafana.com/docs/grafana/v8.5/alerting/old-alerting/notifications/#webhook
 */
export function legacyAlert(message: Record<string, unknown>): Parsed {
  const { orgId, ruleId, ruleName, state, tags, title, message: text, ruleUrl } = message;
  const untold = UNTOLD.get(state as string);
  if (untold !== undefined) return { untold };
  const status = STATUSES.get(state as 'ok');
  if (status === undefined)
    return {
      errors: [
        { pointer: '/state', detail: `must be one of ${[...STATUSES.keys(), ...UNTOLD.keys()].join(', ')}` },
      ],
    };
  if (textIn(ruleName) === undefined)
    return { errors: [{ pointer: '/ruleName', detail: 'must be a text that is not blank' }] };
  return {
    alert: {
      dedupKey: hashedKey([orgId, ruleId, ruleName]),
      status,
      labels: withoutEmpty({ ...labelsOf({ alertname: ruleName }), ...labelsOf(isObject(tags) ? tags : {}) }),
      annotations: labelsOf({ title, message: text, rule_url: ruleUrl }),
      isRepeated: true,
      raw: keptAlert(message),
    },
  };
}
