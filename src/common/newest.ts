/** Keeps a value in a map as the newest of it; where there are more than so many, the oldest goes. */
export function keepNewest<K, V>(kept: Map<K, V>, key: K, value: V, atMost: number): void {
  kept.delete(key);
  kept.set(key, value);
  if (kept.size > atMost) kept.delete(kept.keys().next().value!);
}
