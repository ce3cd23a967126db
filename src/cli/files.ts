import { readFileSync } from 'node:fs';
import { fromYaml } from '../transfer/yaml';

/** Returns the text of a file, or of the standard input for `-`. */
export function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    // A folder is opened before it is found to be one: Node names no path then.
    if (error instanceof Error && file !== '-') Object.assign(error, { path: file });
    throw error;
  }
}

/** Returns the media type of a file. JSON is valid YAML too, but its errors are clearer when it is read as JSON. */
export const typeOf = (file: string): string =>
  file.endsWith('.json') ? 'application/json' : 'application/yaml';

/**
 * Returns the value in a file of JSON or YAML.
 *
 * @throws InvalidInput
 */
export const readValue = (file: string): unknown => fromYaml(readText(file));
