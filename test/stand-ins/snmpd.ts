/** Debian's own SNMP agent, where it is installed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { needs } from '../needs';
import { bound, closed, type StandIn } from './snmp-agents';

const SNMPD = '/usr/sbin/snmpd';
const START_MS = 5_000;

export const hasSnmpd = needs(SNMPD, existsSync(SNMPD), 'snmpd');

/** `sysServices.0`, an Integer that the agent is told to be 72. */
export const SYS_SERVICES = '1.3.6.1.2.1.1.7.0';

export const SNMPD_USER = {
  user: 'watcher',
  level: 'authPriv',
  authProtocol: 'sha',
  authKey: 'signing-password',
  privProtocol: 'aes',
  privKey: 'encrypting-password',
};

/** Answers version 2c to the community `public`, and version 3 to SNMPD_USER. */
export async function startSnmpd(): Promise<StandIn> {
  const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'snmpd-'));
  const probe = await bound('127.0.0.1');
  const { port } = probe.address();
  await closed(probe);
  const { user, authKey, privKey } = SNMPD_USER;
  const lines = [
    `agentaddress udp:127.0.0.1:${port}`,
    'rocommunity public',
    'sysServices 72',
    `createUser ${user} SHA "${authKey}" AES "${privKey}"`,
    `rouser ${user} priv`,
  ];
  writeFileSync(join(folder, 'snmpd.conf'), lines.join('\n'));
  const args = ['-f', '-C', '-c', 'snmpd.conf', '-Lf', 'log', '-p', 'pid'];
  const env = { ...process.env, SNMP_PERSISTENT_DIR: join(folder, 'state') };
  const snmpd = spawn(SNMPD, args, { cwd: folder, env, stdio: 'ignore' });
  const log = () => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '');
  for (let waitedMs = 0; !log().includes('NET-SNMP version'); waitedMs += 50) {
    if (waitedMs > START_MS) throw new Error(`snmpd did not start: ${log()}`);
    await sleep(50);
  }
  const close = async () => {
    const gone = once(snmpd, 'exit');
    snmpd.kill('SIGTERM');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, close };
}
