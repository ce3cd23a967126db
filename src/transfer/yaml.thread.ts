import { InvalidInput } from '../common/errors';
import type { ReadYaml } from './long-documents';
import { fromYaml } from './yaml';

/** Reads YAML on a thread. Errors are returned, not thrown: of a thrown error only the message would be kept. */
export default function read(text: string): ReadYaml {
  try {
    return { json: JSON.stringify(fromYaml(text), numbersOrTexts) };
  } catch (error) {
    if (error instanceof InvalidInput) return { errors: error.errors };
    throw error;
  }
}

/** Replaces infinity and NaN, which JSON would turn into null, by texts; those are refused where a number belongs. */
function numbersOrTexts(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
