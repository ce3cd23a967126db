import { expectedVersion } from './definition.controller';

/** Version that a header asks for, of a resource that is at version 3. */
const asked = (match: string | undefined) => expectedVersion(match, async () => ({ version: 3 }));

test.each([
  [undefined, undefined],
  ['*', undefined],
  [' * ', undefined],
  ['"3"', 3],
  ['"2"', 2],
  ['3', 3],
  ['W/"3"', 3],
  ['"1", "3"', 3],
  ['"1","nonsense", W/"3"', 3],
  ['"1", "2"', 1],
  ['"2", , ', 2],
])('If-Match %s asks for version %s', async (match, version) => {
  expect(await asked(match)).toBe(version);
});

test.each(['', '""', 'x', '"nonsense"', '"1" "2"', '"x", "y"', '"*"', '-1', '"1.5"'])(
  'If-Match %j is no version',
  async (match) => {
    await expect(asked(match)).rejects.toThrow('is no ETag of this resource');
  },
);
