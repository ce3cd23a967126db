import fc from 'fast-check';
import { hashedKey, keyOfLabels } from './reading';

/** Letters of which names and labels look like JSON around them. */
const LETTERS = fc.constantFrom(
  'a',
  'b',
  '"',
  ',',
  '[',
  ']',
  '\\',
  ' ',
  '\n',
  '\u007f',
  'ä',
  '\ud800',
  '\u2028',
);
const text = fc.oneof(fc.string(), fc.string({ unit: LETTERS, maxLength: 8 }), fc.string({ unit: 'binary' }));

test('a key of labels is that of their names and labels as JSON, in the order of the names', () => {
  fc.assert(
    fc.property(fc.dictionary(text, text), (labels) => {
      const inOrder = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1));
      return keyOfLabels(labels) === hashedKey(inOrder);
    }),
    { numRuns: 2_000 },
  );
});
