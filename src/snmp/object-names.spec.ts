import { oidOfName } from './object-names';

const UPTIME = '1.3.6.1.2.1.1.3.0';

test.each([
  // As snmpget and snmpwalk print them, with and without modules.
  ['iso.3.6.1.2.1.1.3.0', UPTIME],
  ['DISMAN-EVENT-MIB::sysUpTimeInstance', UPTIME],
  ['sysUpTimeInstance', UPTIME],
  ['SNMPv2-MIB::sysUpTime.0', UPTIME],
  ['SNMPv2-SMI::mib-2.1.3.0', UPTIME],
  ['SNMPv2-SMI::enterprises.2021.11.9.0', '1.3.6.1.4.1.2021.11.9.0'],
  ['UCD-SNMP-MIB::ssCpuUser.0', '1.3.6.1.4.1.2021.11.9.0'],
  ['IF-MIB::ifHCInOctets.1', '1.3.6.1.2.1.31.1.1.1.6.1'],
  ['HOST-RESOURCES-MIB::hrSystemUptime.0', '1.3.6.1.2.1.25.1.1.0'],
  ['toString.0', undefined],
  ['__proto__', undefined],
  ['iso.', undefined],
])('%s is %s', (text, oid) => {
  expect(oidOfName(text)).toBe(oid);
});
