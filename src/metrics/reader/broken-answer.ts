import type { Refusal } from './messages';

/** Answer that is not read on. Its message is a sentence already. */
export class BrokenAnswer extends Error {
  constructor(
    message: string,
    readonly why: Refusal,
  ) {
    super(message);
  }
}

/** Check of a server's bytes before the library that decodes them gets them. */
export interface AnswerCheck {
  /**
   * Checks the next bytes of an answer.
   *
   * @throws BrokenAnswer when it is not to be read on
   */
  take(bytes: Buffer): void;
}
