/** Where values of JSON end, in texts of which only parts are JSON, or JSON within texts of JSON, or that are cut off. */

/**
 * How many different numbers of backslashes may stand before the quotes that are followed. JSON within JSON has 0, 1, 3, 7
 * and so on: what is deeper than this is found by nobody.
 */
const LEVELS_AT_MOST = 12;
/** A number or a word. */
const PLAIN = /[^\s,}\]\\"]*/y;

const [QUOTE, BACKSLASH, ...BRACKETS] = [...'"\\{[}]'].map((sign) => sign.charCodeAt(0)) as [number, number, ...number[]]; // prettier-ignore
const [OPENERS, CLOSERS] = [BRACKETS.slice(0, 2), BRACKETS.slice(2)];

/** Of one number of backslashes before quotes, for each place outside of a text. */
interface Level {
  /** Behind the first quote from there that ends a text. */
  textEnd: Int32Array;
  /** Behind the first bracket from there that closes one which was opened before. */
  closed: Int32Array;
}

/** The values of one text: each look takes the same time, as the ends of all of them are found in one pass, when the first is asked for. */
export class JsonValues {
  private readonly levels = new Map<number, Level>();
  /** Backslashes that stand before each place. */
  private backslashes?: Int32Array;

  constructor(private readonly text: string) {}

  /**
   * Where the value that begins there ends; the end of the text when it was cut off.
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

/** From the end to the beginning: what comes after a place is known by then. */
function levelOf(text: string, escapes: number, backslashes: Int32Array): Level {
  const { length } = text;
  const textEnd = new Int32Array(length + escapes + 2).fill(length);
  const closed = new Int32Array(length + 1).fill(length);
  /** A quote of this level has no more backslashes before it than its JSON has; of the outermost, an even number of its own. */
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
