import { bound, closed, getIn, integer, responseTo } from '../../../test/stand-ins/snmp-agents';
import { hasSnmpd, SNMPD_USER, startSnmpd, SYS_SERVICES } from '../../../test/stand-ins/snmpd';
import { checked } from '../../common/check';
import type { Node, ReadContext } from '../metric';
import { SnmpClient } from '../../snmp/snmp-client';
import { SnmpOidAverage, SnmpOidAverageParams } from './snmp-oid-average.metric';

const OID = '1.3.6.1.4.1.8072.9999.1.0';
const NAMED = { id: 'a', name: 'web-a' };

describe('snmp_oid_average', () => {
  const client = new SnmpClient();
  const metric = new SnmpOidAverage(client);
  const ends: (() => unknown)[] = [];
  let port: number;

  beforeAll(async () => {
    for (const [host, value] of [
      ['127.78.0.1', 10],
      ['127.78.0.2', 20],
      ['127.78.0.3', 60],
    ] as const) {
      const socket = await bound(host, port);
      port ??= socket.address().port;
      socket.on('message', (message, { port: to, address }) =>
        socket.send(responseTo(getIn(message), [[OID, integer(value)]]), to, address),
      );
      ends.push(() => closed(socket));
    }
  });

  afterAll(async () => {
    client.onModuleDestroy();
    await Promise.all(ends.map((end) => end()));
  });

  const context = (listNodes: () => Promise<Node[]>, timeoutMs = 500): ReadContext => ({
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
    nodes: () => Promise.reject(new Error('not asked')),
    listNodes,
  });

  const read = (
    given: object,
    listNodes: () => Promise<Node[]> = () => Promise.reject(new Error('service web has no infrastructure')),
  ) => metric.read(checked(SnmpOidAverageParams, { port, oid: OID, ...given }), context(listNodes));

  it('is the mean over the hosts that answer', async () => {
    expect(await read({ hosts: ['127.78.0.1', '127.78.0.2', '127.78.0.3'] })).toBe(30);
    expect(await read({ hosts: ['127.78.0.1', '127.78.0.9'] })).toBe(10);
  });

  it('is missing data when too few answer, and says who did not', async () => {
    const hosts = ['127.78.0.1', '127.78.0.9'];
    await expect(read({ hosts, minAnswers: 2 })).rejects.toThrow(
      `cannot read the average of ${OID}: 1 of 2 nodes answered, 2 must; cannot read ${OID} from 127.78.0.9: no answer in 0.5 s: the host is down, a firewall is between, or community or version are not what it takes`,
    );
    await expect(read({ hosts: ['127.78.0.9'] })).rejects.toThrow(/0 of 1 nodes answered, 1 must/);
  });

  it('is over the nodes of the infrastructure where no hosts are named', async () => {
    const nodes = [
      { ...NAMED, address: '127.78.0.1' },
      { ...NAMED, address: '127.78.0.3' },
      { id: 'new', name: 'web-new' },
    ];
    expect(await read({}, async () => nodes)).toBe(35);
    await expect(read({ minAnswers: 3 }, async () => nodes)).rejects.toThrow(
      `2 of 3 nodes answered, 3 must; cannot read ${OID} from web-new: its address is not known`,
    );
  });

  it('is missing data without nodes', async () => {
    const sentence = `cannot read the average of ${OID}: `;
    await expect(read({}, async () => [])).rejects.toThrow(`${sentence}the infrastructure has no nodes`);
    await expect(read({})).rejects.toThrow(`${sentence}service web has no infrastructure`);
  });

  it('has the time that listing the nodes leaves', async () => {
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 350));
      return [{ ...NAMED, address: '127.78.0.9' }];
    };
    await expect(read({}, slow)).rejects.toThrow(/no answer in 0\.[012]\d* s: /);
    await expect(read({}, () => new Promise(() => undefined))).rejects.toThrow(/cannot read the average/);
  });

  (hasSnmpd ? it : it.skip)("is read from Debian's snmpd", async () => {
    const snmpd = await startSnmpd();
    ends.push(() => snmpd.close());
    const given = { hosts: ['127.0.0.1'], port: snmpd.port, oid: SYS_SERVICES };
    expect(await read(given)).toBe(72);
    expect(await read({ ...given, version: '3', v3: SNMPD_USER })).toBe(72);
  });
});
