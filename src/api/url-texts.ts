/** Refusal of texts in paths and queries that PostgreSQL can't hold. */
import type { preValidationHookHandler } from 'fastify';
import { step } from '../common/check';
import { InvalidInput } from '../common/errors';

/** Encoded NUL, the only such character a URL can hold: lone surrogates are not valid UTF-8. */
const ENCODED_NUL = '%00';

export const storableUrl: preValidationHookHandler = ({ url, params, query }, _reply, done) => {
  if (!url.includes(ENCODED_NUL)) return done();
  const given = Object.entries({ ...Object(params), ...Object(query) } as Record<string, unknown>);
  const errors = given
    .filter(([name, value]) => `${name}${String(value)}`.includes('\0'))
    .map(([name]) => ({ pointer: step(name), detail: 'holds a NUL, which no text here has' }));
  done(errors.length > 0 ? new InvalidInput(errors) : undefined);
};
