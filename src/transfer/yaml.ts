import { parseDocument, stringify } from 'yaml';
import { InvalidInput } from '../common/errors';

/** More uses of anchors than this are taken for an attack ("billion laughs"). */
const MAX_ALIASES = 100;

/** One document of YAML 1.2. @throws InvalidInput naming line and column of each mistake */
export function fromYaml(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true });
  if (document.errors.length > 0) {
    const lines = text.split('\n');
    throw new InvalidInput(
      document.errors.slice(0, 100).map(({ message, pos: [offset] }) => ({
        pointer: '',
        detail: `is no YAML at ${placeOf(lines, offset)}: ${message}`,
      })),
    );
  }
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES, reviver: refusePrototype }) as unknown;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new InvalidInput([{ pointer: '', detail: `is no YAML: ${(error as Error).message}` }]);
  }
}

/** Every value written out: no anchors, no folded lines, so that a change of one value is a change of one line. */
export const toYaml = (value: unknown): string =>
  stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });

/** As the parser of JSON does. */
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
