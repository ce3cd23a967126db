import { expressionOf } from '../../common/expressions';

/** Decodes a body by the charset of its header; an unknown charset counts as UTF-8. */
export function textIn(body: Uint8Array, charset: string): string {
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}

/** Tells whether an expression fits somewhere in a body. */
export const fitsIn = ({ body, charset, matches }: { body: Uint8Array; charset: string; matches: string }) =>
  expressionOf(matches).matcher(textIn(body, charset)).find();
