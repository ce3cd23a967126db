import { createHmac, timingSafeEqual } from 'node:crypto';
import { Forbidden } from '../../common/errors';
import { Text } from '../../common/fields';
import { isObject } from '../../common/json';
import { AlertFormatMapping, type AlertFormat, type Facts, type Parsed } from './alert-format';
import { isGrafanas, notificationIn, notified, statusOf } from './alertmanager.format';
import { isLegacy, legacyAlert } from './grafana-legacy';
import { keptAlert } from './kept-payload';
import { each } from './reading';

const SIGNATURE_HEADER = 'X-Grafana-Alerting-Signature';
/** Largest difference of a signed time from ours, seconds; beyond it the message counts as an old one sent again. */
const MAX_SKEW_SECONDS = 300;

export class GrafanaSourceParams {
  @Text({
    description: `Secret of the contact point's HMAC signature, sent as ${SIGNATURE_HEADER}; without it the token alone counts`,
    secret: true,
    optional: true,
    minLength: 1,
    charactersAtLeast: 8,
    directs: 'nothing',
  })
  hmacSecret?: string;

  @Text({
    directs: 'nothing',
    description:
      "The contact point's timestamp header, where it has one: the time is signed too, and must be ours",
    optional: true,
    pattern: /^[A-Za-z0-9-]{1,100}$/,
    patternHint: 'must be the name of a header',
  })
  hmacTimestampHeader?: string;
}

/**
 * Grafana's webhook contact point: the shape of Alertmanager's, with the numbers of each alert's queries; and the
 * webhook of its legacy alerting.
 *
 * @see https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
 */
@AlertFormatMapping({
  type: 'grafana',
  title: 'Grafana',
  description: "Grafana's webhook contact point, POST or PUT /api/v1/alerts/grafana",
  params: GrafanaSourceParams,
})
export class Grafana implements AlertFormat<GrafanaSourceParams> {
  parse(body: unknown, _params: unknown, { now }: Pick<Facts, 'now'>): Iterable<Parsed> {
    if (isLegacy(body)) return [legacyAlert(body)];
    const by = { status: statusOf(body), isFromGrafana: true };
    return each(notificationIn(body), (given, index) => {
      const parsed = notified(given, index, now, by);
      return parsed.alert ? { alert: { ...parsed.alert, raw: keptAlert(given) } } : parsed;
    });
  }

  /**
   * Verifies the HMAC signature of the body, where the source has a secret.
   *
   * @throws Forbidden when the signature is not that of the body
   */
  believe(_body: unknown, { hmacSecret, hmacTimestampHeader }: GrafanaSourceParams, facts: Facts): void {
    if (hmacSecret === undefined) return;
    const signature = headerOf(facts, SIGNATURE_HEADER);
    if (signature === undefined)
      throw new Forbidden(`the message is not signed: ${SIGNATURE_HEADER} is missing`);
    const hmac = createHmac('sha256', hmacSecret);
    if (hmacTimestampHeader !== undefined) {
      const time = headerOf(facts, hmacTimestampHeader) ?? '';
      const skewSeconds = Math.abs(Number(time) - facts.now.getTime() / 1000);
      if (!/^\d{1,12}$/.test(time) || skewSeconds > MAX_SKEW_SECONDS)
        throw new Forbidden(`${hmacTimestampHeader} is not the time of now in seconds`);
      hmac.update(`${time}:`);
    }
    const expected = hmac.update(facts.raw).digest();
    const given = /^[0-9a-f]{64}$/i.test(signature)
      ? Buffer.from(signature, 'hex')
      : Buffer.alloc(expected.length);
    if (!timingSafeEqual(given, expected))
      throw new Forbidden(`${SIGNATURE_HEADER} is not the signature of this message`);
  }

  looksLike(body: unknown): boolean {
    if (isLegacy(body)) return true;
    return isObject(body) && Array.isArray(body.alerts) && isGrafanas(body);
  }
}

function headerOf({ headers }: Facts, name: string): string | undefined {
  const given = headers[name.toLowerCase()];
  return typeof given === 'string' ? given.trim() : undefined;
}
