/** Labels as filters have them in the API and in the URL, `team=web`; and several of them in one box, blanks between them. */

/** Returns the filter of a label; what has a meaning in it is escaped. */
export const labelFilter = (name: string, value: string): string =>
  (name.replace(/[=\\]/g, '\\$&') + '=' + value).replace(/[,\\]/g, '\\$&');

/** Returns the one label that a filter asks for; undefined where it has alternatives, or asks for any value. */
export function labelAskedFor(filter: string): readonly [name: string, value: string] | undefined {
  if (/^(?:\\[^]|[^,\\])*,/.test(filter)) return undefined;
  const text = filter.replace(/\\([,\\])/g, '$1');
  const [written] = /^(?:\\[^]|[^=\\]|\\$)*/.exec(text)!;
  if (written.length === text.length) return undefined;
  return [written.replace(/\\([=\\])/g, '$1'), text.slice(written.length + 1)];
}

/** Writes filters into one line; what has blanks or quotes in it stands in quotes. */
export const inLine = (filters: readonly string[]): string =>
  filters.map((one) => (/[\s"]/.test(one) || one === '' ? `"${one.replaceAll('"', '""')}"` : one)).join(' ');

/** Returns the filters in a line; a quote that is not closed is closed by its end. */
export const fromLine = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"]|"")*)(?:"|$)|\S+/g)]
    .map(([whole, quoted]) => (quoted === undefined ? whole : quoted.replaceAll('""', '"')))
    .filter((one) => one !== '');
