import type { CompiledService } from './compiled-service';
import { CompiledServices } from './compiled-services';

const compiled = { service: { id: 'a' } } as CompiledService;
const versions = (version: number, infrastructure_version: number | null = null) => ({
  version,
  infrastructure_version,
});

test('a compiled service is kept in the versions it was compiled of', () => {
  const kept = new CompiledServices();
  kept.put('a', versions(1, 4), compiled);
  expect(kept.has('a', versions(1, 4))).toBe(true);
  expect(kept.has('a', versions(2, 4))).toBe(false);
  expect(kept.has('a', versions(1, 5))).toBe(false);
  expect(kept.has('a', versions(1))).toBe(false);
  expect(kept.has('b', versions(1, 4))).toBe(false);
  expect(kept.get('a')).toBe(compiled);
});

test('one that can not be compiled is kept as well: nobody tries again until it changes', () => {
  const kept = new CompiledServices();
  kept.put('a', versions(1), undefined);
  expect(kept.has('a', versions(1))).toBe(true);
  expect(kept.get('a')).toBeUndefined();
});

test.each([
  [1, ['b', 'c']],
  [2, ['c']],
  [9, []],
])('room for %i more: the oldest go', (count, left) => {
  const kept = new CompiledServices(3);
  for (const id of ['a', 'b', 'c']) kept.put(id, versions(1), compiled);
  kept.makeRoom(count);
  expect(['a', 'b', 'c'].filter((id) => kept.get(id))).toEqual(left);
});
