import { InvalidInput, messageOf, TooCostly, type FieldError } from '../common/errors';
import { entriesOf, noEntries, SECTION_NAMES, type Entries } from '../transfer/document';
import { fromLongYaml } from '../transfer/long-documents';
import { placesIn } from './places';
import { MISTAKES_AT_MOST, type Mistake, type RuleFile } from './rule-files';

/** Stands between a file and the pointer into it. */
const IN = '#';

/** Definitions of all files, as one document. */
export interface RuleDocument {
  entries: Entries;
  errors: FieldError[];
}

/**
 * Returns the definitions of all files; pointers begin with the file: `web.yaml#/services/0/condition`.
 *
 * @throws Unavailable when a file can't be parsed now
 */
export async function documentOf(files: readonly RuleFile[]): Promise<RuleDocument> {
  const entries = noEntries();
  const errors: FieldError[] = [];
  for (const { path, text } of files) {
    const inFile = ({ pointer, detail }: FieldError) => ({ pointer: `${path}${IN}${pointer}`, detail });
    const wrong: FieldError[] = [];
    const found = entriesOf(await parsed(text, wrong), wrong);
    // What is no YAML is said once, not also that it is no object.
    errors.push(
      ...wrong.slice(0, wrong[0]?.detail.startsWith('is no YAML') ? 1 : MISTAKES_AT_MOST).map(inFile),
    );
    for (const section of SECTION_NAMES)
      entries[section].push(
        ...found[section].map((entry) => ({
          ...entry,
          pointer: `${path}${IN}${entry.pointer}`,
          place: (error: FieldError) => inFile(entry.place(error)),
        })),
      );
  }
  return { entries, errors };
}

async function parsed(text: string, wrong: FieldError[]): Promise<unknown> {
  try {
    return await fromLongYaml(text);
  } catch (error) {
    if (error instanceof InvalidInput) wrong.push(...error.errors);
    else if (error instanceof TooCostly || error instanceof RangeError)
      wrong.push({ pointer: '', detail: `is no YAML that can be read: ${messageOf(error)}` });
    else throw error;
    return undefined;
  }
}

/** Returns errors as mistakes, each with its file, and its line where that can be found. */
export async function mistakesOf(
  errors: readonly FieldError[],
  files: readonly RuleFile[],
): Promise<Mistake[]> {
  const mistakes = errors.slice(0, MISTAKES_AT_MOST).map(mistakeOf);
  for (const { path, text } of files) {
    const here = mistakes.filter(({ file }) => file === path);
    if (here.length === 0) continue;
    const lines = await placesIn(
      text,
      here.map(({ pointer }) => pointer),
    );
    here.forEach((mistake, index) => {
      const line = lineIn(mistake.detail) ?? lines[index];
      if (line !== undefined) mistake.line = line;
    });
  }
  return mistakes;
}

function mistakeOf({ pointer, detail }: FieldError): Mistake {
  const at = pointer.indexOf(`${IN}/`) === -1 ? pointer.lastIndexOf(IN) : pointer.indexOf(`${IN}/`);
  return at === -1
    ? { pointer, detail }
    : { file: pointer.slice(0, at), pointer: pointer.slice(at + IN.length), detail };
}

/** Returns the line that an error of YAML names itself. */
function lineIn(detail: string): number | undefined {
  const [, line] = /^is no YAML at line (\d+),/.exec(detail) ?? [];
  return line === undefined ? undefined : Number(line);
}

/** Returns a mistake in one line: `web.yaml:12 /services/0/condition: …`. */
export const mistakeText = ({ file, line, pointer, detail }: Mistake): string =>
  [file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}`, pointer]
    .filter((part) => part !== '')
    .join(' ')
    .concat(file === undefined && pointer === '' ? '' : ': ', detail);
