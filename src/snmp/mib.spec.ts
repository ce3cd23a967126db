import { workedMs } from '../../test/loop-delay';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { needs } from '../../test/needs';
import { MibError, readMib } from './mib';
import { MibNames } from './mib-names';

const hasSnmptranslate = needs(
  'snmptranslate',
  spawnSync('snmptranslate', ['-V']).error === undefined,
  'snmp',
);
const SMI = readFileSync(
  join(dirname(require.resolve('net-snmp')), 'lib', 'mibs', 'SNMPv2-SMI.mib'),
  'latin1',
);

const mib = (name: string, ...lines: string[]) =>
  [`${name} DEFINITIONS ::= BEGIN`, ...lines, 'END'].join('\n');
const named = (...texts: string[]) => Object.fromEntries(new MibNames(texts.map(readMib)).names);

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
        new MibNames([
          readMib(`X DEFINITIONS ::= ${some.filter((word) => word !== 'DEFINITIONS').join(' ')}`),
        ]);
      }),
      { numRuns: 1_000 },
    );
    const begin = workedMs();
    const costly = ['"'.repeat(1e6), '-'.repeat(1e6), '{'.repeat(1e6), 'a OBJECT ::= { b '.repeat(6e4)];
    for (const text of costly) readMib(`X DEFINITIONS ::= ${text}`);
    expect(workedMs() - begin).toBeLessThan(5_000);
  });

  it.each([
    [
      'underscores',
      'eNP_AC OBJECT IDENTIFIER ::= { enterprises 99 } power_fail NOTIFICATION-TYPE STATUS current ::= { eNP_AC 7 }',
      'power_fail',
      '99.7',
    ],
    [
      'a first letter that is large',
      'AustinX OBJECT IDENTIFIER ::= { enterprises 99 } doorOpen NOTIFICATION-TYPE STATUS current ::= { AustinX 3 }',
      'doorOpen',
      '99.3',
    ],
    ['a first digit', '3com OBJECT IDENTIFIER ::= { enterprises 43 }', '3com', '43'],
    ['a hyphen at its end', 'tail- OBJECT IDENTIFIER ::= { enterprises 10 }', 'tail-', '10'],
    [
      'more than 64 characters',
      `${'a'.repeat(80)} OBJECT IDENTIFIER ::= { enterprises 7 }`,
      'a'.repeat(80),
      '7',
    ],
    [
      'a parent named in passing',
      'baz OBJECT IDENTIFIER ::= { enterprises mid(98) sub(3) 4 } qux OBJECT IDENTIFIER ::= { mid 5 }',
      'qux',
      '98.5',
    ],
    [
      'no number of its own',
      'acme OBJECT IDENTIFIER ::= { enterprises 99 } al OBJECT IDENTIFIER ::= { acme }',
      'acme',
      '99',
    ],
    ['its last part named', 'a OBJECT IDENTIFIER ::= { enterprises 1 2 foo(3) }', 'a', '1.2.3'],
    ['a number in brackets', 'a OBJECT IDENTIFIER ::= { enterprises (5) }', 'a', '5'],
    ['its module in front', 'a OBJECT IDENTIFIER ::= { SNMPv2-SMI.enterprises 5 }', 'a', '5'],
    ['small letters everywhere', 'a object identifier ::= { enterprises 5 }', 'a', '5'],
    [
      'a title in dashes before it',
      '-------- Title --------\na OBJECT IDENTIFIER ::= { enterprises 5 }',
      'a',
      '5',
    ],
    [
      'its lines ended by CR and LF',
      'a OBJECT IDENTIFIER -- one\r\n::= { enterprises -- two\r\n 5 }',
      'a',
      '5',
    ],
    ['its lines ended by CR', 'a OBJECT IDENTIFIER -- one\r::= { enterprises 5 }', 'a', '5'],
    [
      'a text in Latin-1 before it',
      't OBJECT-TYPE SYNTAX INTEGER DESCRIPTION "\u00e4\u00f6" ::= { enterprises 4 } a OBJECT IDENTIFIER ::= { enterprises 5 }',
      'a',
      '5',
    ],
    [
      'a column of its kind before it',
      'E ::= SEQUENCE { x OBJECT IDENTIFIER, y INTEGER } a OBJECT IDENTIFIER ::= { enterprises 5 }',
      'a',
      '5',
    ],
    [
      'a macro before it',
      'OBJECT-TYPE MACRO ::= BEGIN TYPE NOTATION ::= "x" VALUE NOTATION ::= value(VALUE ObjectName) END a OBJECT IDENTIFIER ::= { enterprises 5 }',
      'a',
      '5',
    ],
  ])('may have a name with %s', (_, text, name, arcs) => {
    const module = readMib(
      mib('X-MIB', 'IMPORTS enterprises FROM SNMPv2-SMI OBJECT-TYPE FROM RFC-1212;', text),
    );
    const { names, byModule } = new MibNames([readMib(SMI), module]);
    expect(names.get(`1.3.6.1.4.1.${arcs}`)?.replace('X-MIB::', '')).toBe(name === 'acme' ? 'al' : name);
    expect(byModule.get(module)).toMatchObject({ unresolved: [] });
    expect(module.skipped).toEqual([]);
  });

  it('may begin with a byte order mark, and forget the semicolon of its imports', () => {
    const text = `\u00EF\u00BB\u00BF${mib('X-MIB', 'IMPORTS enterprises FROM SNMPv2-SMI', 'acme OBJECT IDENTIFIER ::= { enterprises 99 }', 'b OBJECT IDENTIFIER ::= { acme 1 }')}`;
    expect(named(SMI, text)['1.3.6.1.4.1.99.1']).toBe('X-MIB::b');
  });

  it('finds a parent by its imports where several modules have the name', () => {
    const texts = ['1', '2', '3'].map((n) =>
      mib(`P${n}-MIB`, `root OBJECT IDENTIFIER ::= { enterprises ${n} }`),
    );
    const child = mib('C-MIB', 'IMPORTS root FROM P2-MIB;', 'leaf OBJECT IDENTIFIER ::= { root 7 }');
    expect(named(SMI, ...texts, child)['1.3.6.1.4.1.2.7']).toBe('C-MIB::leaf');
    expect(named(child, ...texts.reverse(), SMI)['1.3.6.1.4.1.2.7']).toBe('C-MIB::leaf');
  });

  it('says what it could not read, and what is missing', () => {
    const module = readMib(
      mib(
        'X-MIB',
        'a OBJECT IDENTIFIER ::= { enterprises -1 }',
        'b OBJECT-TYPE SYNTAX INTEGER',
        'c OBJECT IDENTIFIER ::= { enterprises 4294967296 }',
        `d OBJECT IDENTIFIER ::= { enterprises ${'1 '.repeat(200)} }`,
        'e TRAP-TYPE ENTERPRISE enterprises ::= x',
        'f OBJECT IDENTIFIER ::= { nowhere 1 }',
        'g OBJECT IDENTIFIER ::= { f 1 }',
        'h OBJECT IDENTIFIER ::= { enterprises 1 }',
      ),
    );
    expect(module.skipped!.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e']);
    const { byModule } = new MibNames([readMib(SMI), module]);
    expect(byModule.get(module)).toMatchObject({ named: 1, unresolved: ['f', 'g'], missing: ['nowhere'] });
  });

  it('tells which objects count and go round', () => {
    const module = readMib(
      mib(
        'X-MIB',
        'a OBJECT-TYPE SYNTAX Counter32 ACCESS read-only ::= { enterprises 1 }',
        'b OBJECT-TYPE SYNTAX Counter ACCESS read-only ::= { enterprises 2 }',
        'c OBJECT-TYPE SYNTAX Counter64 ACCESS read-only ::= { enterprises 3 }',
        'd OBJECT-TYPE SYNTAX Gauge32 ACCESS read-only ::= { enterprises 4 }',
      ),
    );
    expect([...new MibNames([readMib(SMI), module]).counters]).toEqual(['1.3.6.1.4.1.1', '1.3.6.1.4.1.2']);
  });

  it('whose names stand below each other does not blow up', () => {
    const arcs = '4294967295 '.repeat(120);
    const chain = Array.from(
      { length: 200 },
      (_, n) => `n${n} OBJECT IDENTIFIER ::= { ${n === 0 ? 'enterprises' : `n${n - 1}`} ${arcs} }`,
    );
    const leaves = (below: string) =>
      Array.from({ length: 40_000 }, (_, n) => `l${n} OBJECT IDENTIFIER ::= { ${below} ${n} }`);
    const begin = workedMs();
    const long = readMib(mib('X-MIB', ...chain, ...leaves('n199')));
    const deep = readMib(mib('Y-MIB', ...chain, ...leaves('n0')));
    const alias = readMib(
      mib(
        'Z-MIB',
        'z0 OBJECT IDENTIFIER ::= { enterprises 3 }',
        ...Array.from(
          { length: 45_000 },
          (_, n) => `z${45_000 - n} OBJECT IDENTIFIER ::= { z${44_999 - n} }`,
        ),
      ),
    );
    const { byModule, names } = new MibNames([readMib(SMI), long, deep, alias]);
    expect(byModule.get(long)).toMatchObject({ named: 1, lacksRoom: false });
    expect(byModule.get(long)!.tooLong).toHaveLength(40_199);
    expect(byModule.get(deep)).toMatchObject({ lacksRoom: true });
    expect(Math.max(...[...names.keys()].map((oid) => oid.split('.').length))).toBeLessThanOrEqual(128);
    expect(workedMs() - begin).toBeLessThan(5_000);
  });

  (hasSnmptranslate ? it : it.skip)('is read as snmptranslate reads it', () => {
    fc.assert(
      fc.property(fc.array(definition, { minLength: 1, maxLength: 25 }), (lines) => {
        const distinct = [...new Map(lines.map((line) => [line.name, line])).values()];
        const text = mib(
          'RANDOM-MIB',
          'IMPORTS enterprises, OBJECT-TYPE FROM SNMPv2-SMI',
          ' NOTIFICATION-TYPE FROM SNMPv2-SMI;',
          ...distinct.map(({ text: one }) => one),
        );
        const own = new MibNames([readMib(SMI), readMib(text)]).oids;
        for (const [name, oid] of translated(text))
          expect([name, own.get(`RANDOM-MIB::${name}`)]).toEqual([name, oid]);
      }),
      { numRuns: 60 },
    );
  });
});

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,6}(-[A-Za-z0-9_]{1,3})?$/).map((text) => `x${text}`);
const parent = fc.oneof(fc.constantFrom('enterprises', 'xa', 'xb'), name);
const comment = fc.constantFrom(' ', ' -- a comment\n', ' -- a -- ', '\r\n', ' --\n');
const definition = fc
  .record({
    name: fc.oneof(fc.constantFrom('xa', 'xb'), name),
    parent,
    arcs: fc.array(fc.integer({ min: 0, max: 4000 }), { minLength: 1, maxLength: 3 }),
    passing: fc.boolean(),
    gap: comment,
    kind: fc.constantFrom(
      'OBJECT IDENTIFIER',
      'NOTIFICATION-TYPE STATUS current DESCRIPTION "a ::= { b 1 }"',
      'OBJECT-TYPE SYNTAX INTEGER { up(1) } MAX-ACCESS read-only STATUS current DESCRIPTION ""',
    ),
  })
  .map((given) => {
    const { arcs, passing, gap, kind } = given;
    const value = arcs.map((arc, at) =>
      passing && at === 0 && arcs.length > 1 ? `${given.name}p(${arc})` : arc,
    );
    return {
      name: given.name,
      text: `${given.name} ${kind}${gap}::= {${gap}${given.parent} ${value.join(' ')} }`,
    };
  });

const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'mibs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Names of the module, as Net-SNMP has them. */
function translated(text: string): [name: string, oid: string][] {
  writeFileSync(join(folder, 'RANDOM-MIB.txt'), text);
  writeFileSync(join(folder, 'SNMPv2-SMI.txt'), SMI);
  const args = ['-M', folder, '-m', 'RANDOM-MIB', '-Pu', '-Tz'];
  const env = { ...process.env, SNMPCONFPATH: folder, SNMP_PERSISTENT_DIR: folder };
  const { stdout } = spawnSync('snmptranslate', args, { env, encoding: 'utf8' });
  return stdout.split('\n').flatMap((line): [string, string][] => {
    const [, own, oid] = /^"(x[^"#]*)"\s+"([\d.]+)"/.exec(line) ?? [];
    return own === undefined || oid === undefined ? [] : [[own, oid]];
  });
}

describe('a MIB without end', () => {
  const module = (text: string) => readMib(`X DEFINITIONS ::= BEGIN\n${text}\nEND`);

  test.each([
    ['values that never close', 'a OBJECT IDENTIFIER ::= { '.repeat(80_000)],
    ['braces', '{'.repeat(1_000_000)],
    ['quotes', '"'.repeat(1_000_001)],
    ['a comment', `--${'-a'.repeat(500_000)}`],
    ['imports', 'IMPORTS a FROM '.repeat(100_000)],
    ['names without a value', 'a OBJECT-TYPE '.repeat(100_000)],
  ])('%s: nothing is read of it, in one pass', (_, text) => {
    expect(module(text).definitions).toEqual([]);
  });

  test('thousands of names that are imported, or below what is missing, are looked up once each', () => {
    const count = 40_000;
    const imported = Array.from({ length: count }, (_, index) => `p${index}`);
    const one = module(
      `IMPORTS ${imported.join(', ')} FROM Y-MIB;\n${imported.map((name, index) => `n${index} OBJECT IDENTIFIER ::= { ${name} 1 }`).join('\n')}`,
    );
    expect(new MibNames([one]).byModule.get(one)!.missing).toHaveLength(count);
    const chain = module(
      Array.from({ length: count }, (_, index) => `n${index} OBJECT IDENTIFIER ::= { n${index + 1} 1 }`).join(
        '\n',
      ),
    );
    const { named, unresolved, missing } = new MibNames([chain]).byModule.get(chain)!;
    expect([named, unresolved.length]).toEqual([0, count]);
    expect(missing).toContain(`n${count}`);
  });

  test('120 names of 200 numbers with 40,000 below them, and names that stand in a circle, have no OID', () => {
    const arcs = Array.from({ length: 200 }, (_, index) => index + 1).join(' ');
    const long = module(
      Array.from(
        { length: 120 },
        (_, index) =>
          `n${index} OBJECT IDENTIFIER ::= { ${index === 0 ? 'enterprises' : `n${index - 1}`} ${arcs} }`,
      )
        .concat(
          Array.from({ length: 40_000 }, (_, index) => `l${index} OBJECT IDENTIFIER ::= { n119 ${index} }`),
        )
        .join('\n'),
    );
    expect(new MibNames([long]).byModule.get(long)!.named).toBe(0);
    const circle = module(
      'a OBJECT IDENTIFIER ::= { b 1 }\nb OBJECT IDENTIFIER ::= { c 1 }\nc OBJECT IDENTIFIER ::= { a 1 }',
    );
    expect(new MibNames([circle]).byModule.get(circle)!.named).toBe(0);
  });
});
