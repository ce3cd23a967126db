/** Answer that is no success: problem+json (RFC 9457), or none at all. */
export interface FieldProblem {
  /** JSON pointer of the field. */
  pointer: string;
  detail: string;
}

export class Problem extends Error {
  constructor(
    /** HTTP status; 0 where there was no answer. */
    readonly status: number,
    detail: string,
    readonly errors: readonly FieldProblem[] = [],
  ) {
    super(detail);
  }
}

export const UNREACHABLE = 'The server does not answer. What you see may be old.';

/** Returns what to tell a person about any error. */
export const wordsOf = (error: unknown): string => {
  if (!(error instanceof Problem)) return error instanceof Error ? error.message : String(error);
  if (error.errors.length === 0) return sentence(error.message);
  return error.errors.map(({ pointer, detail }) => sentence(`${fieldWords(pointer)} ${detail}`)).join(' ');
};

const sentence = (text: string): string => {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
};

/** `/metrics/cpu/type` -> `metrics › cpu › type` */
export const fieldWords = (pointer: string): string =>
  pointer === ''
    ? 'this'
    : pointer.slice(1).replaceAll('/', ' › ').replaceAll('~1', '/').replaceAll('~0', '~');

/** Reads a body that says what is wrong, in whatever form it came. */
export function problemOf(status: number, body: unknown): Problem {
  const { detail, title, errors } = (typeof body === 'object' && body !== null ? body : {}) as {
    detail?: unknown;
    title?: unknown;
    errors?: unknown;
  };
  const words = typeof detail === 'string' ? detail : typeof title === 'string' ? title : `HTTP ${status}`;
  const fields = Array.isArray(errors) ? errors.filter(isFieldProblem) : [];
  return new Problem(status, words, fields);
}

const isFieldProblem = (one: unknown): one is FieldProblem =>
  typeof one === 'object' &&
  one !== null &&
  typeof (one as FieldProblem).pointer === 'string' &&
  typeof (one as FieldProblem).detail === 'string';
