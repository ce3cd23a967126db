import { isDeepStrictEqual } from 'node:util';
import { step, within } from '../common/check';
import { didYouMean } from '../common/did-you-mean';
import type { FieldError } from '../common/errors';

/** What a document holds, in the order in which they need each other; and what one of each is called. */
export const SECTIONS = {
  infrastructures: 'infrastructure',
  actions: 'action',
  services: 'service',
  sources: 'source',
} as const;

export type Section = keyof typeof SECTIONS;
export type Kind = (typeof SECTIONS)[Section];

export const SECTION_NAMES = Object.keys(SECTIONS) as Section[];

/** The version of the document's form. */
export const FORM = 1;

/** One definition of a document. */
export interface Entry {
  /** Where it stands in what was sent. */
  pointer: string;
  name: unknown;
  body: unknown;
  /** What is known to be wrong before it is checked; pointers are whole. */
  errors: FieldError[];
  /** Where a mistake in the definition is to be looked for in what was sent. */
  place(error: FieldError): FieldError;
}

export type Entries = Record<Section, Entry[]>;

/** There are five; more mistakes need not be told. */
const FIELDS_AT_MOST = 100;
/** Of one kind, in one document. */
export const DEFINITIONS_AT_MOST = 100_000;
export const TOO_MANY = `has more than ${DEFINITIONS_AT_MOST} definitions; send them in several documents`;

export const noEntries = (): Entries => ({ infrastructures: [], actions: [], services: [], sources: [] });

/** What a document says, section by section. Mistakes in its form are pushed. */
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
