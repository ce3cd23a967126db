import { expressionOf } from '../../common/expressions';

/** Decoded as its header says; a charset that is not known counts as UTF-8. */
export function textIn(body: Uint8Array, charset: string): string {
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}

/** Whether an expression fits somewhere in it. */
export const fitsIn = ({ body, charset, matches }: { body: Uint8Array; charset: string; matches: string }) =>
  expressionOf(matches).matcher(textIn(body, charset)).find();
