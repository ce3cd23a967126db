/** Messages between the program and the process that reads for it. */
import type { HttpTls } from '../../targets/http/http-call';
import type { Reading } from '../../common/reading';

/** Protocol of the target. */
export type Protocol = 'sql' | 'redis';

/** Questions to one target that go out together. */
export interface Question {
  protocol: Protocol;
  /** Key that is the same for the same connections: a digest, 43 characters. */
  target: string;
  /** Address of the target, checked by the caller. */
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
  /** Refusal to read an answer on. */
  refused?: { protocol: Protocol; why: Refusal };
}

/** Reason for which an answer is not read on: more than an answer has, or not as the protocol has it. */
export type Refusal = 'size' | 'form';

/** Reason for which the process ended itself: it stood still, took too much memory, or an exception was not caught. */
export type Death = 'silent' | 'memory' | 'exception';

/** Last message of a process that ends itself, one line of JSON. */
export interface LastWords {
  why: Death;
  /** Target whose answer it was reading then. */
  target?: string;
  /** Text of the exception. */
  text?: string;
}

/** File descriptor that takes the last words. */
export const LAST_WORDS_FD = 4;

/** Memory that the process shares with the thread that watches over it. */
export interface Watched {
  /** Counter that grows as long as the process goes on. */
  beats: Int32Array;
  /** Target whose answer is being read; zeros for none. */
  target: Uint8Array;
  parent: number;
}
export const TARGET_CHARACTERS = 43;
