import type { FieldError } from '../common/errors';
import { Choice } from '../common/choice';
import { Decimal, Whole } from '../common/fields';
import { isKept } from '../common/secret-value';
import { snmpProblems, SnmpOidParams } from '../metrics/mappings/snmp-oid.metric';

const ROWS_AT_MOST = 1_000;
const SECONDS_AT_MOST = 25;

export class MetricTryDto extends Choice {
  @Decimal({ description: 'How long it may take', unit: 's', minimum: 0.1, maximum: SECONDS_AT_MOST })
  timeoutSeconds: number = 5;
}

/** Params of a walk: those of `snmp_oid`, whose `oid` is the object below which to look. */
export class SnmpWalkDto extends SnmpOidParams {
  @Whole({ description: 'How many objects to show', minimum: 1, maximum: ROWS_AT_MOST })
  rowsAtMost: number = ROWS_AT_MOST;

  @Decimal({ description: 'How long it may take', unit: 's', minimum: 0.1, maximum: SECONDS_AT_MOST })
  timeoutSeconds: number = 10;

  override problems(): FieldError[] {
    const { community, v3 } = this;
    const kept = Object.entries({
      '/community': community,
      '/v3/authKey': v3?.authKey,
      '/v3/privKey': v3?.privKey,
    })
      .filter(([, value]) => isKept(value))
      .map(([pointer]) => ({ pointer, detail: 'no secret is stored here' }));
    return [...kept, ...snmpProblems(this)];
  }
}
