import type { Refusal } from './messages';

/** An answer that is not read on. Its message is a sentence already. */
export class BrokenAnswer extends Error {
  constructor(
    message: string,
    readonly why: Refusal,
  ) {
    super(message);
  }
}

/** Looks at what a server says before the library that decodes it does. */
export interface AnswerCheck {
  /** @throws BrokenAnswer when it is not to be read on */
  take(bytes: Buffer): void;
}
