import { InvalidInput } from '../common/errors';
import type { ReadYaml } from './long-documents';
import { fromYaml } from './yaml';

/** Mistakes are returned: of an error that a thread throws only the message is left. */
export default function read(text: string): ReadYaml {
  try {
    return { json: JSON.stringify(fromYaml(text), numbersOrTexts) };
  } catch (error) {
    if (error instanceof InvalidInput) return { errors: error.errors };
    throw error;
  }
}

/** JSON has neither infinity nor NaN, and would make nothing of them. As texts they are refused where a number belongs. */
function numbersOrTexts(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
