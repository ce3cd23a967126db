/** Returns `host[:port]` of a URL, for `Action.target`; undefined where a template decides it, or it is none. */
export function hostIn(url: string): string | undefined {
  const [authority] = /^https?:\/\/[^/?#]+/i.exec(url) ?? [];
  if (authority === undefined || /\{[{%]/.test(authority) || !URL.canParse(authority)) return undefined;
  return new URL(authority).host;
}
