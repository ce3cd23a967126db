import type { Answer, Question } from './messages';

/** Reads targets of one protocol, over connections that it keeps. */
export interface TargetProtocol {
  /** Reads one reading for each question; a failure is a reading too. */
  read(question: Question, signal: AbortSignal): Promise<Answer>;
  close(): void;
}
