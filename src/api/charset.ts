/** Texts of bodies, by the charset that their media type declares. */
import { UnsupportedMediaTypeException } from '@nestjs/common';
import { InvalidInput } from '../common/errors';

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i;
const UTF8 = /^(?:utf-?8|us-ascii|ascii)?$/i;

/** Returns the charset that a media type declares; undefined where it is UTF-8, said or not. */
export function charsetOf(contentType: string | undefined): string | undefined {
  const charset = CHARSET.exec(contentType ?? '')?.[1];
  return charset === undefined || UTF8.test(charset) ? undefined : charset;
}

/**
 * Refuses a charset that is not known, before anything of the body is read.
 *
 * @throws UnsupportedMediaTypeException
 */
export function requireKnownCharset(contentType: string | undefined): void {
  const charset = charsetOf(contentType);
  if (charset !== undefined) decoderOf(charset, {});
}

/**
 * Returns a body as text. One that is not in its charset is refused: it would be kept with other letters than were sent.
 *
 * @throws InvalidInput, UnsupportedMediaTypeException
 */
export function textOf(body: Buffer, contentType: string | undefined): string {
  const charset = charsetOf(contentType);
  const decoder = decoderOf(charset ?? 'utf-8', { fatal: true });
  try {
    return decoder.decode(body);
  } catch {
    const detail =
      charset === undefined ? 'is no UTF-8; send UTF-8' : `is not in its charset, ${shown(charset)}`;
    throw new InvalidInput([{ pointer: '', detail }]);
  }
}

/**
 * Returns a body in UTF-8. One without a declared charset is taken as it is.
 *
 * @throws UnsupportedMediaTypeException
 */
export function inUtf8(body: Buffer, contentType: string | undefined): Buffer {
  const charset = charsetOf(contentType);
  return charset === undefined ? body : Buffer.from(decoderOf(charset, {}).decode(body));
}

function decoderOf(charset: string, options: { fatal?: boolean }): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(charset, options);
  } catch {
    throw new UnsupportedMediaTypeException(`the charset ${shown(charset)} is not known here; send UTF-8`);
  }
}

const shown = (charset: string): string => JSON.stringify(charset.slice(0, 50));
