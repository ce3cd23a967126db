import { isId } from './ids';

/** Rules for the name of a definition, which stands in paths and filters next to ids. */
export const NAME = {
  minLength: 1,
  maxLength: 200,
  pattern: /^[^\s/](?:[^/\p{Cc}]*[^\s/])?$/u,
  patternHint: 'must not begin or end with a blank, nor hold a slash or a control character',
  check: (name: string) => (isId(name) ? 'must not look like an id' : undefined),
};
