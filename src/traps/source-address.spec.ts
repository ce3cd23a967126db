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
  it.each(['10.9.9.9', '10.0.0.1', '198.51.100.7', '0.0.0.0', '127.0.0.1', undefined])(
    'its sender, whoever that says it is: %s',
    (agentAddress) => {
      expect(said(agentAddress)).toBe('10.0.0.1');
      expect(said(agentAddress, OUTSIDE)).toBe(OUTSIDE);
      expect(said(agentAddress, '2001:db8::1')).toBe('2001:db8::1');
      expect(said(agentAddress, 'fe80::1%eth0')).toBe('fe80::1%eth0');
    },
  );

  it('the agent of version 1, or whom it names, when a relay says so', () => {
    expect(said('10.9.9.9', OUTSIDE, true)).toBe('10.9.9.9');
    expect(said('198.51.100.7', OUTSIDE, true)).toBe('198.51.100.7');
    expect(said(undefined, OUTSIDE, true)).toBe('10.5.5.5');
    expect(said('0.0.0.0', OUTSIDE, true)).toBe('10.5.5.5');
  });

  it.each(['0.0.0.0', '127.1.2.3', '255.255.255.255', '169.254.3.4', '224.0.0.251', '', 'unreadable: 0x01'])(
    'the relay, when it names nobody: %s',
    (value) => {
      expect(said(value, OUTSIDE, true, { ...RELAYED, value })).toBe(OUTSIDE);
      expect(said(undefined, OUTSIDE, true, { ...RELAYED, value })).toBe(OUTSIDE);
    },
  );
});
