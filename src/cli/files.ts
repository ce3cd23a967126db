import { readFileSync } from 'node:fs';
import { fromYaml } from '../transfer/yaml';

/** The text of a file, or of the standard input for `-`. */
export const readText = (file: string): string => readFileSync(file === '-' ? 0 : file, 'utf8');

/** JSON is YAML too, but a mistake in it is told better as what it is. */
export const typeOf = (file: string): string =>
  file.endsWith('.json') ? 'application/json' : 'application/yaml';

/** What a file of JSON or YAML says. @throws InvalidInput */
export const readValue = (file: string): unknown => fromYaml(readText(file));
