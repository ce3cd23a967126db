/** JSON that other systems might send, and that nobody should: made by fast-check. */
import fc from 'fast-check';

/** Names that formats look for, and names that reach for a prototype. */
const NAMES = [
  'alerts', 'status', 'labels', 'annotations', 'startsAt', 'endsAt', 'fingerprint', 'values', 'version', 'Type', 'Message',
  'TopicArn', 'MessageId', 'Timestamp', 'Signature', 'SignatureVersion', 'SigningCertURL', 'AlarmName', 'NewStateValue', 'Trigger',
  'Dimensions', 'specversion', 'id', 'source', 'type', 'time', 'data', 'expirytime', 'event_action', 'dedup_key', 'payload',
  'summary', 'severity', 'host', 'service', 'filter', 'exit_status', 'plugin_output', 'performance_data', 'ttl', 'event_id',
  'event_value', 'event_tags', 'host_groups', 'event_datetime_timestamp', 'value', 'dedupKey', 'at', 'metric', 'toString',
  'hasOwnProperty', 'constructor', 'length', '', 'a/b~c',
]; // prettier-ignore

/** Values that formats want, and those that hurt. */
const VALUES: unknown[] = [
  'firing', 'resolved', '1.0', '1', '4', 'Notification', 'ALARM', 'OK', 'trigger', 'resolve', 'acknowledge', 'critical',
  'host.name=="a" && service.name=="b"', 'a!b', 'rta=1ms;2;3', '0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z',
  '2300-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '2026-11-22T10:00:00+23:59', '2026-02-31T10:00:00Z', 'NaN', '1e400',
  1e308, -1e308, Number.MAX_SAFE_INTEGER, 0, -0, 1, 2, 3, 0.1, 1e-320, '\ud800', 'a\0b', '\udc00\ud800', 'x'.repeat(20_000),
  null, true, [], {}, [[]], [null],
]; // prettier-ignore

export const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...VALUES),
    fc.jsonValue({ maxDepth: 2 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 12 }),
  ),
})).value;

/** Names that every object has from elsewhere. */
export const INHERITED = [
  'toString', 'constructor', 'hasOwnProperty', 'valueOf', 'isPrototypeOf', 'toLocaleString', 'propertyIsEnumerable',
  '__proto__', '__defineGetter__', '__lookupSetter__', 'prototype',
]; // prettier-ignore
