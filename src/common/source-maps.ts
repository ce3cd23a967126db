import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';

/** Folder of what was compiled, each file with its map beside it. */
const BUILT = join(__dirname, '..', '..', sep);

/** Maps that were read, by file; null where there is none. A program has as many as it has files, at most. */
const maps = new Map<string, SourceMap | null>();

/**
 * Has stacks of errors name places in the sources instead of in what was compiled, in this process. A map is read when a
 * stack first names its file. `node --enable-source-maps` reads the maps of all files, those of packages too, when they
 * are loaded: a tenth of a start, and 16 MB.
 */
export function nameSources(): void {
  // Run from its sources, in specs, whoever compiles them has seen to it.
  if (__filename.endsWith('.ts')) return;
  Error.prepareStackTrace = (error, sites) =>
    [headOf(error), ...sites.map((site) => `    at ${withSource(site)}`)].join('\n');
}

/** Returns what stands above the places. Whatever is thrown may be asked for a text, and fail at it. */
function headOf(error: Error): string {
  try {
    return String(error);
  } catch {
    return 'Error';
  }
}

/** @param site whose own text, which its type leaves out, is as V8 writes it */
function withSource(site: NodeJS.CallSite & { toString(): string }): string {
  const text = site.toString();
  const [file, line, column] = [site.getFileName(), site.getLineNumber(), site.getColumnNumber()];
  if (!file?.startsWith(BUILT) || line === null || column === null) return text;
  const source = sourceAt(file, line, column);
  return source === undefined ? text : text.replace(`${file}:${line}:${column}`, () => source);
}

/** Returns a place in the sources, as `file:line:column`; undefined where it is not known. */
function sourceAt(file: string, line: number, column: number): string | undefined {
  const entry = mapOf(file)?.findEntry(line - 1, column - 1);
  if (entry === undefined || !('originalSource' in entry)) return undefined;
  const { originalSource, originalLine, originalColumn } = entry;
  return `${resolve(dirname(file), originalSource)}:${originalLine + 1}:${originalColumn + 1}`;
}

function mapOf(file: string): SourceMap | null {
  const known = maps.get(file);
  if (known !== undefined) return known;
  let map: SourceMap | null = null;
  try {
    map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')) as SourceMapPayload);
  } catch {
    // Not there, or none: the place in what was compiled will do.
  }
  maps.set(file, map);
  return map;
}
