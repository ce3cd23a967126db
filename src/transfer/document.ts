import { isDeepStrictEqual } from 'node:util';
import { step, within } from '../common/check';
import { didYouMean } from '../common/did-you-mean';
import type { FieldError } from '../common/errors';

/** Sections of a document, in the order of their dependencies, and the word for one definition of each. */
export const SECTIONS = {
  infrastructures: 'infrastructure',
  actions: 'action',
  services: 'service',
  sources: 'source',
  contacts: 'contact',
} as const;

export type Section = keyof typeof SECTIONS;
export type Kind = (typeof SECTIONS)[Section];

export const SECTION_NAMES = Object.keys(SECTIONS) as Section[];

/** Version of the document's form. */
export const FORM = 1;

/** Definition in a document. */
export interface Entry {
  /** Pointer to it in what was sent. */
  pointer: string;
  name: unknown;
  body: unknown;
  /** Errors known before it is checked; their pointers are complete. */
  errors: FieldError[];
  /** Converts an error of the definition: its pointer becomes one into what was sent. */
  place(error: FieldError): FieldError;
}

export type Entries = Record<Section, Entry[]>;

/** Largest number of top-level fields that are looked at; there are six. */
const FIELDS_AT_MOST = 100;
/** Largest number of definitions of one kind in a document. */
export const DEFINITIONS_AT_MOST = 100_000;
export const TOO_MANY = `has more than ${DEFINITIONS_AT_MOST} definitions; send them in several documents`;

export const noEntries = (): Entries => ({
  infrastructures: [],
  actions: [],
  services: [],
  sources: [],
  contacts: [],
});

/** Returns the definitions of a document by section; errors in its form are added to `errors`. */
export function entriesOf(document: unknown, errors: FieldError[]): Entries {
  const entries = noEntries();
  if (!isObject(document)) {
    errors.push({ pointer: '', detail: 'must be an object, or the list that monscale 2014 exported' });
    return entries;
  }
  for (const [name, given] of Object.entries(document).slice(0, FIELDS_AT_MOST)) {
    const pointer = step(name);
    if (name === 'monscale') {
      if (!isDeepStrictEqual(given, FORM))
        errors.push({ pointer, detail: `must be ${FORM}: other forms of document are not known` });
    } else if (!Object.hasOwn(SECTIONS, name))
      errors.push({ pointer, detail: `is not a known field${didYouMean(name, Object.keys(SECTIONS))}` });
    else if (!Array.isArray(given)) errors.push({ pointer, detail: 'must be a list' });
    else if (given.length > DEFINITIONS_AT_MOST) errors.push({ pointer, detail: TOO_MANY });
    else entries[name as Section] = given.map((body, index) => entry(body, pointer + step(index)));
  }
  return entries;
}

function entry(body: unknown, pointer: string): Entry {
  const name = isObject(body) ? body.name : undefined;
  return { pointer, name, body, errors: [], place: (error) => within(pointer, error) };
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
