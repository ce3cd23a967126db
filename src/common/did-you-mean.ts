/** Longest name that is compared, characters. */
const CHARACTERS_AT_MOST = 64;
const CANDIDATES_AT_MOST = 500;
/** Shortest beginning of a name that counts as a likeness, characters. */
const BEGINNING_AT_LEAST = 2;

/** Returns `; did you mean snmp_oid?` if a candidate is similar enough to what was written, otherwise an empty text. */
export function didYouMean(written: string, candidates: Iterable<string>): string {
  const meant = closest(written, candidates);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

/**
 * Returns the candidate most like the written name: by few different letters, by another spelling (`ServiceName`,
 * `service-name`), or by a common beginning.
 */
export function closest(written: string, candidates: Iterable<string>): string | undefined {
  if (written.length > CHARACTERS_AT_MOST) return undefined;
  const word = plain(written);
  let best: { candidate: string; distance: number } | undefined;
  let looked = 0;
  for (const candidate of candidates) {
    if (++looked > CANDIDATES_AT_MOST) break;
    if (candidate.length > CHARACTERS_AT_MOST || candidate === written) continue;
    const distance = distanceBetween(word, plain(candidate));
    if (distance !== undefined && distance < (best?.distance ?? Infinity)) best = { candidate, distance };
  }
  return best?.candidate;
}

const plain = (word: string): string => word.toLowerCase().replace(/[-_ .]/g, '');

/**
 * Returns how different two names are, or undefined when they are not alike. A common beginning counts as less alike
 * than any likeness by letters.
 */
function distanceBetween(a: string, b: string): number | undefined {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  const edits = editsBetween(a, b);
  if (edits <= Math.min(3, Math.floor(long.length / 3))) return edits;
  return short.length >= BEGINNING_AT_LEAST && long.startsWith(short)
    ? CHARACTERS_AT_MOST + edits
    : undefined;
}

/**
 * Returns how many letters must be inserted, deleted, changed or swapped with the next (Damerau-Levenshtein distance,
 * optimal string alignment).
 */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let edits = Math.min(line[column - 1]! + 1, above[column]! + 1, above[column - 1]! + (isSame ? 0 : 1));
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (isSwapped) edits = Math.min(edits, before[column - 2]! + 1);
      line.push(edits);
    }
    [before, above] = [above, line];
  }
  return above[b.length]!;
}
