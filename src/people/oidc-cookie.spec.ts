import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { begunIn, signed } from './oidc-cookie';

const KEY = randomBytes(32);
const NOW = new Date('2026-05-01T12:00:00Z');
const after = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const BEGUN = { state: 'state', nonce: 'nonce', verifier: 'verifier', returnTo: '/services?label=ä' };

test('what we signed is read for ten minutes', () => {
  const cookie = signed(BEGUN, KEY, NOW);
  expect(begunIn(cookie, KEY, after(0))).toMatchObject(BEGUN);
  expect(begunIn(cookie, KEY, after(599))).toMatchObject(BEGUN);
  expect(begunIn(cookie, KEY, after(600))).toBeUndefined();
});

test('what another key signed is not', () => {
  expect(begunIn(signed(BEGUN, randomBytes(32), NOW), KEY, NOW)).toBeUndefined();
});

test('nor is any other text, nor ours with a character changed, left out or added', () => {
  const cookie = signed(BEGUN, KEY, NOW);
  const place = fc.integer({ min: 0, max: cookie.length - 2 });
  const changed = fc.tuple(place, fc.constantFrom('', 'A', 'B', '.', 'é')).map(([at, text]) => {
    const other = cookie.slice(0, at) + text + cookie.slice(at + 1);
    return other === cookie ? `${cookie}.` : other;
  });
  const cut = place.map((at) => cookie.slice(0, at));
  fc.assert(
    fc.property(fc.oneof(fc.string(), changed, cut), (text) => {
      expect(begunIn(text, KEY, NOW)).toBeUndefined();
    }),
  );
});
