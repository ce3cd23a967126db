import * as fc from 'fast-check';
import { MibError, namesOf, readMib } from './mib';

const mib = (name: string, ...lines: string[]) =>
  [`${name} DEFINITIONS ::= BEGIN`, ...lines, 'END'].join('\n');
const named = (...texts: string[]) => Object.fromEntries(namesOf(texts.map(readMib)));

describe('a MIB module', () => {
  it('names what it assigns, whatever stands in texts and comments', () => {
    const text = mib(
      'ACME-MIB',
      'IMPORTS enterprises FROM SNMPv2-SMI; -- x OBJECT IDENTIFIER ::= { acme 9 } -- y OBJECT IDENTIFIER ::= { acme 1 }',
      'acme OBJECT IDENTIFIER ::= { iso org(3) dod(6) internet(1) private(4) enterprises(1) 4711 }',
      'status OBJECT-TYPE SYNTAX INTEGER { up(1), down(2) } DESCRIPTION "no ::= { acme 8 }" ::= { acme 2 }',
      'failed NOTIFICATION-TYPE OBJECTS { status } STATUS current DESCRIPTION "" ::= { acme 0 1 }',
    );
    expect(named(text)).toEqual({
      '1.3.6.1.4.1.4711': 'ACME-MIB::acme',
      '1.3.6.1.4.1.4711.1': 'ACME-MIB::y',
      '1.3.6.1.4.1.4711.2': 'ACME-MIB::status',
      '1.3.6.1.4.1.4711.0.1': 'ACME-MIB::failed',
    });
  });

  it('of SMIv1 names traps as RFC 3584 maps them', () => {
    const text = mib(
      'OLD-MIB',
      'old OBJECT IDENTIFIER ::= { 1 3 6 1 4 1 99 }',
      'fanFailed TRAP-TYPE ENTERPRISE old VARIABLES { x } DESCRIPTION "" ::= 7',
      'lower TRAP-TYPE ENTERPRISE { old } ::= 8',
    );
    expect(named(text)).toEqual({
      '1.3.6.1.4.1.99': 'OLD-MIB::old',
      '1.3.6.1.4.1.99.0.7': 'OLD-MIB::fanFailed',
      '1.3.6.1.4.1.99.0.8': 'OLD-MIB::lower',
    });
  });

  it('finds its parents in other modules, whichever came first', () => {
    const parent = mib('A-MIB', 'base OBJECT IDENTIFIER ::= { iso 9 }');
    const child = mib('B-MIB', 'leaf OBJECT IDENTIFIER ::= { base 1 }');
    expect(named(child, parent)['1.9.1']).toBe('B-MIB::leaf');
    expect(named(child)).toEqual({});
  });

  it('that goes in circles names nothing', () => {
    const lines = [
      'a OBJECT IDENTIFIER ::= { b 1 }',
      'b OBJECT IDENTIFIER ::= { a 1 }',
      'c OBJECT IDENTIFIER ::= { c 1 }',
    ];
    expect(named(mib('CIRCLE-MIB', ...lines))).toEqual({});
  });

  it.each([
    ['nothing', ''],
    ['another text', 'hello'],
    ['two modules', mib('A-MIB') + mib('B-MIB')],
  ])('is not %s', (_, text) => {
    expect(() => readMib(text)).toThrow(MibError);
  });

  it('may be any nonsense, and costs no more for it', () => {
    const words = [
      '::=',
      '{',
      '}',
      '"',
      '--',
      '-',
      'OBJECT',
      'IDENTIFIER',
      'a',
      'DEFINITIONS',
      '\n',
      '1',
      'TRAP-TYPE',
      'ENTERPRISE',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 60 }), (some) => {
        namesOf([readMib(`X DEFINITIONS ::= ${some.filter((word) => word !== 'DEFINITIONS').join(' ')}`)]);
      }),
      { numRuns: 1_000 },
    );
    const begin = performance.now();
    const costly = ['"'.repeat(1e6), '-'.repeat(1e6), '{'.repeat(1e6), 'a OBJECT ::= { b '.repeat(6e4)];
    for (const text of costly) readMib(`X DEFINITIONS ::= ${text}`);
    expect(performance.now() - begin).toBeLessThan(5_000);
  });
});
