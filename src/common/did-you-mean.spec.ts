import { workedMs } from '../../test/loop-delay';
import fc from 'fast-check';
import { closest, didYouMean } from './did-you-mean';

const MAPPINGS = [
  'alert',
  'http_content',
  'http_json',
  'http_status',
  'snmp_oid',
  'snmp_oid_average',
  'sql_query',
];
const FIELDS = ['name', 'condition', 'holdSeconds', 'wisdomSeconds', 'missingData', 'metrics', 'actions'];

test.each([
  ['snmp_iod', MAPPINGS, 'snmp_oid'],
  ['snmp', MAPPINGS, 'snmp_oid'],
  ['snmp-oid', MAPPINGS, 'snmp_oid'],
  ['SnmpOid', MAPPINGS, 'snmp_oid'],
  ['sqlquery', MAPPINGS, 'sql_query'],
  ['htp_json', MAPPINGS, 'http_json'],
  ['alerts', MAPPINGS, 'alert'],
  ['hold_seconds', FIELDS, 'holdSeconds'],
  ['holdseconds', FIELDS, 'holdSeconds'],
  ['hold', FIELDS, 'holdSeconds'],
  ['conditon', FIELDS, 'condition'],
  ['Name', FIELDS, 'name'],
  ['metric', FIELDS, 'metrics'],
  ['missigData', FIELDS, 'missingData'],
  ['mem', ['cpu', 'mem_used'], 'mem_used'],
  ['memory', ['cpu', 'mem'], 'mem'],
])('%s', (written, candidates, meant) => {
  expect(closest(written, candidates)).toBe(meant);
  expect(didYouMean(written, candidates)).toBe(`; did you mean ${meant}?`);
});

test.each([
  ['cpu', ['load', 'disk']],
  ['x', ['xylophone']],
  ['', FIELDS],
  ['price', MAPPINGS],
  ['a'.repeat(100), ['a'.repeat(99)]],
  ['anything', []],
])('nothing is like %s', (written, candidates) => {
  expect(closest(written, candidates)).toBeUndefined();
  expect(didYouMean(written, candidates)).toBe('');
});

test('it is a candidate, is found with one letter wrong, and takes no time', () => {
  const word = fc.stringMatching(/^[a-z]{6,20}$/);
  fc.assert(
    fc.property(word, fc.nat(), fc.array(word), (meant, place, others) => {
      const at = place % meant.length;
      const written = `${meant.slice(0, at)}${meant.slice(at + 1)}`;
      expect([meant, ...others]).toContain(closest(written, [meant, ...others]));
    }),
  );
  const many = Array.from({ length: 100_000 }, (_, n) => `candidate_number_${n}_of_very_many`);
  const began = workedMs();
  closest('candidate_number', many);
  expect(workedMs() - began).toBeLessThan(500);
});
