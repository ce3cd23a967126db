import { sourceAddressOf } from './source-address';

const RELAYED = { oid: '1.3.6.1.6.3.18.1.3.0', value: '10.5.5.5' };
const OUTSIDE = '203.0.113.9';

const said = (agentAddress: string | undefined, sender = '10.0.0.1', isRelay = false, named = RELAYED) =>
  sourceAddressOf(
    { version: '1', trapOid: '1.3.6.1.6.3.1.1.5.1', agentAddress, varbinds: [named] },
    sender,
    isRelay,
  );

describe('a notification is from', () => {
  it('the agent of version 1, whoever hands it on', () => {
    expect(said('10.9.9.9')).toBe('10.9.9.9');
    expect(said('198.51.100.7', OUTSIDE)).toBe('198.51.100.7');
    expect(said('192.168.1.5', 'fe80::1%eth0')).toBe('192.168.1.5');
  });

  it('its sender, when it names nobody', () => {
    expect(said(undefined)).toBe('10.0.0.1');
  });

  it.each(['0.0.0.0', '127.0.0.1', '127.1.2.3', '255.255.255.255', '169.254.3.4', '224.0.0.251', '0.1.2.3'])(
    'its sender, when the agent says that it is %s',
    (agentAddress) => {
      expect(said(agentAddress)).toBe('10.0.0.1');
      expect(said(agentAddress, '2001:db8::1')).toBe('2001:db8::1');
    },
  );

  it.each(['10.1.1.1', '172.16.0.9', '172.31.255.1', '192.168.1.5', '100.64.0.1'])(
    'its sender, when %s is behind a NAT',
    (agentAddress) => {
      expect(said(agentAddress, OUTSIDE)).toBe(OUTSIDE);
      expect(said(agentAddress, '2001:db8::9')).toBe('2001:db8::9');
      expect(said(agentAddress, '172.20.0.1')).toBe(agentAddress);
    },
  );

  it('whom a relay names, inner addresses too, unless that is nobody', () => {
    expect(said(undefined, OUTSIDE, true)).toBe('10.5.5.5');
    expect(said('0.0.0.0', OUTSIDE, true)).toBe('10.5.5.5');
    expect(said('10.9.9.9', OUTSIDE, true)).toBe('10.9.9.9');
    for (const value of ['0.0.0.0', '127.0.0.1', '', 'unreadable: 0x01', '255.255.255.255'])
      expect(said(undefined, OUTSIDE, true, { ...RELAYED, value })).toBe(OUTSIDE);
  });
});
