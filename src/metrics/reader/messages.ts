/** What the program and the process that reads for it say to each other. */
import type { HttpTls } from '../../targets/http/http-call';
import type { Reading } from '../../common/reading';

/** Whose protocol the target speaks. */
export type Protocol = 'sql' | 'redis';

/** Questions to one target that go out together. */
export interface Question {
  protocol: Protocol;
  /** The same for the same connections: a digest, 43 characters. */
  target: string;
  /** Sound: whoever asks has checked it. */
  url: string;
  tls?: HttpTls;
  /** Queries, or keys. */
  asks: readonly string[];
  timeoutMs: number;
}

/** Readings in the order of the questions. Their errors are the ends of sentences. */
export type Answer = Reading[];

export type ToReader = { ask: (Question & { id: number })[] } | { ping: true } | { close: true };

export interface FromReader {
  answers?: { id: number; readings: Answer }[];
  /** An answer was not read on. */
  refused?: { protocol: Protocol; why: Refusal };
}

/** Why an answer is not read on: more than an answer has, or not as the protocol has it. */
export type Refusal = 'size' | 'form';

/** Why the process ended itself: it stood still, took too much memory, or something was thrown that nobody caught. */
export type Death = 'silent' | 'memory' | 'exception';

/** What it says when it ends itself, one line of JSON. */
export interface LastWords {
  why: Death;
  /** Whose answer it was reading then. */
  target?: string;
  /** Of an exception. */
  text?: string;
}

/** File descriptor that takes the last words. */
export const LAST_WORDS_FD = 4;

/** What the process shares with the thread that watches over it. */
export interface Watched {
  /** Counted up as long as the process goes on. */
  beats: Int32Array;
  /** The target whose answer is being read; zeros for none. */
  target: Uint8Array;
  parent: number;
}
export const TARGET_CHARACTERS = 43;
