import { SnmpSourceParams } from './formats/snmp.format';
import { sharedWarnings } from './shared-credentials';

const source = (name: string, params: Partial<SnmpSourceParams>) => ({
  id: name,
  name,
  params: Object.assign(new SnmpSourceParams(), params),
});
const user = (name: string) => ({ user: name, level: 'noAuthNoPriv' as const });

describe('a source of notifications', () => {
  const builtIn = source('snmp', {});

  it.each([
    [
      'the community of the one that is there from the start',
      {},
      /^shares a community with source snmp: snmp, which is older, takes/,
    ],
    ['it beside others', { communities: ['a', 'public', 'b'] }, /^shares a community with/],
    ['it from a network', { allowFrom: ['10.0.0.0/8'] }, /^shares a community with/],
  ])('is told that it shares %s', (_, params, warning) => {
    const warnings = sharedWarnings([builtIn, source('own', params)], 'own');
    expect(warnings).toEqual([expect.stringMatching(warning)]);
    expect(JSON.stringify(warnings)).not.toContain('public');
  });

  it('is told who is older, and which users are shared', () => {
    const one = source('one', { communities: ['x', 'y'], users: [user('noc'), user('lab')] });
    const two = source('two', { communities: ['y', 'x'], users: [user('noc')] });
    expect(sharedWarnings([one, two], 'one')).toEqual([
      'shares 2 communities and the user noc with source two: this one, which is older, takes what comes from networks that both allow',
    ]);
    expect(sharedWarnings([one, two], 'two')[0]).toMatch(/with source one: one, which is older, takes/);
  });

  it.each([
    [{ communities: ['other'] }],
    [{ communities: [] }],
    [{ communities: ['public'], allowFrom: ['192.168.0.0/16', 'fd00::/8'] }],
  ])('%j shares nothing', (params) => {
    const ten = source('ten', { allowFrom: ['10.0.0.0/8', '2001:db8::/32'] });
    expect(sharedWarnings([ten, source('own', params)], 'own')).toEqual([]);
    expect(sharedWarnings([ten], 'nobody')).toEqual([]);
  });

  it('in a network of another is told so', () => {
    const ten = source('ten', { allowFrom: ['10.0.0.0/8'] });
    expect(sharedWarnings([ten, source('own', { allowFrom: ['10.1.0.0/16'] })], 'own')).toHaveLength(1);
    expect(sharedWarnings([ten, source('own', { allowFrom: ['0.0.0.0/0'] })], 'own')).toHaveLength(1);
  });
});
