/** Can it be read, where a part of a URL stands percent-encoded? */
export function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
