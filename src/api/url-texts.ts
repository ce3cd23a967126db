/** Texts of paths and queries that PostgreSQL can't hold, refused before anybody looks for them. */
import type { preValidationHookHandler } from 'fastify';
import { step } from '../common/check';
import { InvalidInput } from '../common/errors';

/** A NUL is the one of them that a URL can bring: halves of surrogate pairs are no UTF-8. */
const ENCODED_NUL = '%00';

export const storableUrl: preValidationHookHandler = ({ url, params, query }, _reply, done) => {
  if (!url.includes(ENCODED_NUL)) return done();
  const given = Object.entries({ ...Object(params), ...Object(query) } as Record<string, unknown>);
  const errors = given
    .filter(([name, value]) => `${name}${String(value)}`.includes('\0'))
    .map(([name]) => ({ pointer: step(name), detail: 'holds a NUL, which no text here has' }));
  done(errors.length > 0 ? new InvalidInput(errors) : undefined);
};
