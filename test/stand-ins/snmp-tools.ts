import { spawnSync } from 'node:child_process';
import { needs } from '../needs';

let known: boolean | undefined;

/** Are the tools of Net-SNMP there? */
export function hasSnmpTools(): boolean {
  known ??= ['snmptrap', 'snmpinform', 'snmpget', 'snmptrapd', 'snmptranslate'].every(
    (name) => spawnSync(name, ['-V']).error === undefined,
  );
  return needs("Net-SNMP's tools", known, 'snmp snmptrapd');
}
