/** Filters in the URL, written as the API writes them: `?phase=alarm,unknown&label=team=web`, not as JSON. */
export type Search = Record<string, string | string[] | undefined>;

/** A name that comes twice has a list. */
export function parseSearch(text: string): Search {
  const search: Search = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const before = search[name];
    search[name] = before === undefined ? value : [before, value].flat();
  }
  return search;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search))
    for (const one of [value].flat() as (string | number | undefined)[])
      if (one !== undefined && one !== '') params.append(name, String(one));
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}
