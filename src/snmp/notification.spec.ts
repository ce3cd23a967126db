import { fromV1 } from './notification';

const trap = (generic: number, specific: number) => ({
  enterprise: '1.3.6.1.4.1.8072.99',
  generic,
  specific,
  upTime: 100,
  varbinds: [],
});

describe('a version 1 trap', () => {
  it.each([
    [6, 17, '1.3.6.1.4.1.8072.99.0.17'],
    [6, 0, '1.3.6.1.4.1.8072.99.0.0'],
    [6, 2_147_483_647, '1.3.6.1.4.1.8072.99.0.2147483647'],
    [6, -1_294_967_296, '1.3.6.1.4.1.8072.99.0.3000000000'],
    [6, 3_000_000_000, '1.3.6.1.4.1.8072.99.0.3000000000'],
    [6, -1, '1.3.6.1.4.1.8072.99.0.4294967295'],
    [2, 9, '1.3.6.1.6.3.1.1.5.3'],
  ])('of generic %d and specific %d is called %s', (generic, specific, trapOid) => {
    expect(fromV1(trap(generic, specific)).trapOid).toBe(trapOid);
  });

  it.each([
    [7, 0],
    [-1, 0],
    [6, 2 ** 32],
    [6, -(2 ** 31) - 1],
  ])('of generic %d and specific %d is none', (generic, specific) => {
    expect(() => fromV1(trap(generic, specific))).toThrow(/^there is no (generic|specific) trap -?\d+$/);
  });
});
