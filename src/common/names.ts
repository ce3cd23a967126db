import { isId } from './ids';

/** Form of a text in which what looks the same is the same: a keyboard may compose letters, and a file system not. */
export const composed = (name: string): string => name.normalize('NFC');

/** Characters that are not seen, with which two names could look alike; what joins two emoji is seen. */
export const UNSEEN =
  /[^\P{Cf}\u200D]|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F])\u200D|\u200D(?!\p{Extended_Pictographic})/gu;

/** Rules for the name of a definition, which stands in paths and filters next to ids. */
export const NAME = {
  minLength: 1,
  maxLength: 200,
  pattern: /^[^\s/](?:[^/\p{Cc}]*[^\s/])?$/u,
  patternHint: 'must not begin or end with a blank, nor hold a slash or a control character',
  check: (name: string) => {
    if (isId(name)) return 'must not look like an id';
    // Clients leave these out of a path, also written as %2E (WHATWG URL, path state).
    return name === '.' || name === '..'
      ? 'must not be "." or "..", which mean something else in a path'
      : undefined;
  },
};

/** Rules for the name of a person, by which the audit tells people apart. */
export const NAME_OF_PERSON = {
  ...NAME,
  check: (name: string) =>
    NAME.check(name) ?? (name.search(UNSEEN) < 0 ? undefined : 'must not hold characters that are not seen'),
};
