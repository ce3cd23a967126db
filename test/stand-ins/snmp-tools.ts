import { spawnSync } from 'node:child_process';

let known: boolean | undefined;

/** Are snmptrap and snmpinform there? Says once what brings them. */
export function hasSnmpTools(): boolean {
  if (known === undefined) {
    known = ['snmptrap', 'snmpinform'].every((name) => spawnSync(name, ['-V']).error === undefined);
    if (!known)
      console.warn('snmptrap and snmpinform are not there: apt-get install snmp to run these specs');
  }
  return known;
}
