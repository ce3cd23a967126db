/** Shapes of what senders of alerts are answered: ours, and those of the systems whose formats they speak. */
import { applyDecorators } from '@nestjs/common';
import { Answers, either, list, object, shape, text, uuid, whole } from '../common/shapes';

const WRONG = object({ pointer: text, detail: text });
export const TAKEN = shape(
  'Taken',
  object({
    accepted: list(object({ id: uuid, dedupKey: text })),
    rejected: list(object({ index: whole, errors: list(WRONG) })),
  }),
);

/** PagerDuty's Events API. */
const PAGERDUTY = object({ status: text, message: text }, { dedup_key: text, incident_key: text });
const PAGERDUTY_REFUSED = object({ status: text, message: text, errors: list(text) });

/** Icinga's API. */
const ICINGA = object({ results: list(object({ code: whole, status: text })) });
const ICINGA_REFUSED = object({ error: whole, status: text });

/** Alertmanager's API v2: nothing, but for what it would not say. */
export const QUIET = shape(
  'Quiet',
  object({}, { rejected: list(object({ index: whole, errors: list(WRONG) })) }),
);

export const TAKEN_BY_FORMAT = shape(
  'TakenByFormat',
  either({ $ref: '#/components/schemas/Taken' }, PAGERDUTY, ICINGA),
);
export const REFUSED_BY_FORMAT = shape('RefusedByFormat', either(PAGERDUTY_REFUSED, ICINGA_REFUSED));

/** Declares the answers of a route that takes several formats. */
export const AnswersByFormat = (): MethodDecorator =>
  applyDecorators(
    Answers(TAKEN_BY_FORMAT, { status: 200 }),
    Answers(TAKEN_BY_FORMAT, { status: 202 }),
    Answers(REFUSED_BY_FORMAT, { status: '4XX' }),
    Answers(REFUSED_BY_FORMAT, { status: '5XX' }),
  );
