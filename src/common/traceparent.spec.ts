import { placeIn, traceparentOf } from './traceparent';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('traceparent', () => {
  test.each([
    [`00-${TRACE}-${SPAN}-01`, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`00-${TRACE}-${SPAN}-03`, true],
    [`00-${TRACE}-${SPAN}-02`, false],
    // A later version may say more, after what version 00 says.
    [`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, true],
  ])('%s is read, sampled: %s', (given, isSampled) => {
    expect(placeIn(given)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled });
  });

  test.each([
    ['nothing', undefined],
    ['another type', 17],
    ['no text at all', ''],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['more than version 00 has', `00-${TRACE}-${SPAN}-01-more`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['two headers, as Node joins them', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ['a line that goes on', `00-${TRACE}-${SPAN}-01\n`],
    ['what is too long', `cc-${TRACE}-${SPAN}-01-${'x'.repeat(300)}`],
  ])('%s is none', (_, given) => {
    expect(placeIn(given)).toBeUndefined();
  });

  test('what is written is read again', () => {
    const place = { traceId: TRACE, spanId: SPAN, isSampled: true };
    expect(placeIn(traceparentOf(place))).toEqual(place);
    expect(placeIn(traceparentOf({ ...place, isSampled: false }))).toEqual({ ...place, isSampled: false });
  });
});
