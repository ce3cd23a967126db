/**
 * Finds the ends of JSON values in texts of which only parts are JSON, with JSON inside strings of JSON, or cut off.
 */

/**
 * Largest number of nesting levels: different counts of backslashes before quotes. JSON within JSON has 0, 1, 3, 7 and
 * so on; values of deeper levels are not found.
 */
const LEVELS_AT_MOST = 12;
/** Matches a number or a word. */
const PLAIN = /[^\s,}\]\\"]*/y;

const [QUOTE, BACKSLASH, ...BRACKETS] = [...'"\\{[}]'].map((sign) => sign.charCodeAt(0)) as [number, number, ...number[]]; // prettier-ignore
const [OPENERS, CLOSERS] = [BRACKETS.slice(0, 2), BRACKETS.slice(2)];

/** Ends of values on one nesting level, for each place outside of a string. */
interface Level {
  /** Place after the next quote that ends a string. */
  textEnd: Int32Array;
  /** Place after the next bracket that closes one opened before. */
  closed: Int32Array;
}

/**
 * Ends of the JSON values of one text. Each lookup takes constant time: the ends on a level are all found in one pass,
 * when the first is asked for.
 */
export class JsonValues {
  private readonly levels = new Map<number, Level>();
  /** Number of backslashes directly before each place. */
  private backslashes?: Int32Array;

  constructor(private readonly text: string) {}

  /**
   * Returns the end of the value that begins at `start`; the end of the text when the value was cut off.
   *
   * @param escapes backslashes that stand before each quote of that JSON
   */
  end(start: number, escapes: number): number {
    const { text } = this;
    const isText = text[start + escapes] === '"' && text.slice(start, start + escapes).replaceAll('\\', '') === '';
    if (!isText && !OPENERS.includes(text.charCodeAt(start))) {
      PLAIN.lastIndex = start;
      return start + PLAIN.exec(text)![0].length;
    }
    const level = this.level(escapes);
    if (level === undefined) return text.length;
    return isText ? level.textEnd[start + escapes + 1]! : level.closed[start + 1]!;
  } // prettier-ignore

  private level(escapes: number): Level | undefined {
    const known = this.levels.get(escapes);
    if (known !== undefined || this.levels.size === LEVELS_AT_MOST) return known;
    const made = levelOf(this.text, escapes, (this.backslashes ??= backslashesIn(this.text)));
    this.levels.set(escapes, made);
    return made;
  }
}

function backslashesIn(text: string): Int32Array {
  const before = new Int32Array(text.length + 1);
  for (let at = 0; at < text.length; at++)
    before[at + 1] = text.charCodeAt(at) === BACKSLASH ? before[at]! + 1 : 0;
  return before;
}

/** Finds all ends on a level, from the end of the text to its beginning: what comes after a place is known by then. */
function levelOf(text: string, escapes: number, backslashes: Int32Array): Level {
  const { length } = text;
  const textEnd = new Int32Array(length + escapes + 2).fill(length);
  const closed = new Int32Array(length + 1).fill(length);
  /**
   * Tells whether a quote ends a string of this level: it has no more backslashes than the level; on the outermost
   * level, an even number.
   */
  const endsText = (at: number): boolean =>
    backslashes[at]! <= escapes || (escapes === 0 && backslashes[at]! % 2 === 0);
  for (let at = length - 1; at >= 0; at--) {
    const sign = text.charCodeAt(at);
    textEnd[at] = sign === QUOTE && endsText(at) ? at + 1 : textEnd[at + 1]!;
    const quoteAt = at + escapes;
    const beginsText = text.charCodeAt(quoteAt) === QUOTE && backslashes[quoteAt]! >= escapes;
    if (beginsText) closed[at] = closed[textEnd[quoteAt + 1]!]!;
    else if (OPENERS.includes(sign)) closed[at] = closed[closed[at + 1]!]!;
    else closed[at] = CLOSERS.includes(sign) ? at + 1 : closed[at + 1]!;
  }
  return { textEnd, closed };
}
