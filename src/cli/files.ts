import { readFileSync } from 'node:fs';
import { fromYaml } from '../transfer/yaml';

/** Returns the text of a file, or of the standard input for `-`. */
export const readText = (file: string): string => readFileSync(file === '-' ? 0 : file, 'utf8');

/** Returns the media type of a file. JSON is valid YAML too, but its errors are clearer when it is read as JSON. */
export const typeOf = (file: string): string =>
  file.endsWith('.json') ? 'application/json' : 'application/yaml';

/**
 * Returns the value in a file of JSON or YAML.
 *
 * @throws InvalidInput
 */
export const readValue = (file: string): unknown => fromYaml(readText(file));
