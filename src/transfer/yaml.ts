import { isNode, isScalar, Lexer, parseDocument, stringify, visit, type Document } from 'yaml';
import { InvalidInput } from '../common/errors';
import { refuseUnkeepable } from '../common/json';

/** Largest number of uses of anchors; more are taken for an attack ("billion laughs"). */
const MAX_ALIASES = 100;

/** Deepest nesting that is taken; no definition is nested as deep. */
const MAX_DEPTH = 100;
const MAX_MISTAKES = 100;

/**
 * Returns the value of a YAML 1.2 document.
 *
 * @throws InvalidInput naming line and column of each error
 */
export function fromYaml(text: string): unknown {
  const lines = text.split('\n');
  refuseMistakes(lines, mistakesOfForm(text));
  // The library compares each key with each other one.
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true, uniqueKeys: false });
  refuseMistakes(lines, [
    ...document.errors.map(({ message, pos: [offset] }) => ({ offset, message })),
    ...mistakesOfKeys(document),
  ]);
  const value = valueOf(document);
  refuseUnkeepable(value);
  return value;
}

function valueOf(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES, reviver: refusePrototype }) as unknown;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new InvalidInput([{ pointer: '', detail: `is no YAML: ${(error as Error).message}` }]);
  }
}

interface Mistake {
  offset: number;
  message: string;
}

function refuseMistakes(lines: readonly string[], mistakes: readonly Mistake[]): void {
  if (mistakes.length === 0) return;
  throw new InvalidInput(
    mistakes.slice(0, MAX_MISTAKES).map(({ message, offset }) => ({
      pointer: '',
      detail: `is no YAML at ${placeOf(lines, offset)}: ${message}`,
    })),
  );
}

/**
 * Returns errors of nesting, before the text is parsed: the library would go on after each error, and make a document
 * of it.
 */
function mistakesOfForm(text: string): Mistake[] {
  const mistakes: Mistake[] = [];
  let depth = 0;
  let offset = 0;
  let before = '';
  for (const word of new Lexer().lex(text)) {
    const bracket = before === SCALAR ? '' : word;
    before = word;
    if (bracket === '{' || bracket === '[') depth++;
    if (bracket === '}' || bracket === ']') depth--;
    if (depth < 0) mistakes.push({ offset, message: `Unexpected ${word}` });
    if (depth > MAX_DEPTH) mistakes.push({ offset, message: `is nested deeper than ${MAX_DEPTH}` });
    if (mistakes.length > 0) return mistakes;
    offset += LEXER_MARKS.has(word) ? 0 : word.length;
  }
  return mistakes;
}

const SCALAR = '\x1f';
/** Tokens that the lexer adds to the text: beginning of a document, a following scalar, a flow that ended wrongly. */
const LEXER_MARKS = new Set(['\u{FEFF}', '\x02', '\x18', SCALAR]);

function mistakesOfKeys(document: Document): Mistake[] {
  const mistakes: Mistake[] = [];
  visit(document, {
    Map: (_, { items }, path) => {
      if (path.length > 2 * MAX_DEPTH) {
        mistakes.push({ offset: offsetOf(items[0]?.key), message: `is nested deeper than ${MAX_DEPTH}` });
        return visit.BREAK;
      }
      const seen = new Set<unknown>();
      for (const { key } of items) {
        const name = isScalar(key) ? key.value : key;
        if (seen.has(name)) mistakes.push({ offset: offsetOf(key), message: 'Map keys must be unique' });
        seen.add(name);
        if (mistakes.length >= MAX_MISTAKES) return visit.BREAK;
      }
      return undefined;
    },
  });
  return mistakes;
}

const offsetOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);

/** Returns a value as YAML without anchors and folded lines, so that changing one value changes one line. */
export const toYaml = (value: unknown): string =>
  stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });

/** Refuses the name `__proto__`, as the JSON parser does. */
function refusePrototype(key: unknown, value: unknown): unknown {
  if (key === '__proto__') throw new Error('__proto__ is no name of a field');
  return value;
}

function placeOf(lines: readonly string[], offset: number): string {
  let left = offset;
  for (const [index, line] of lines.entries()) {
    if (left <= line.length) return `line ${index + 1}, column ${left + 1}`;
    left -= line.length + 1;
  }
  return `line ${lines.length}, the end`;
}
