import { spawnSync } from 'node:child_process';

let known: boolean | undefined;

/** Are the tools of Net-SNMP there? Says once what brings them. */
export function hasSnmpTools(): boolean {
  if (known === undefined) {
    known = ['snmptrap', 'snmpinform', 'snmpget', 'snmptrapd'].every(
      (name) => spawnSync(name, ['-V']).error === undefined,
    );
    if (!known)
      console.warn('the tools of Net-SNMP are not there: apt-get install snmp snmptrapd to run these specs');
  }
  return known;
}
