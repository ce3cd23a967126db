import { Allowance } from './allowance';
import { BrokenAnswer, type AnswerCheck } from './broken-answer';

const LF = 10;
/** Allowance of bytes at once: twice the slots of the largest Cluster, cut up as far as they can be. */
const BURST_BYTES = 8_000_000;
const BYTES_PER_SECOND = 5_000_000;
/** Longest line: an error, or a length. */
const LINE_BYTES = 16_384;
const TEXT_BYTES = 1_000_000;
/** Most entries of a list. A Cluster has 16,384 slots. */
const ENTRIES = 65_536;
/** Most lists inside each other. The slots of a Cluster are lists of lists of lists of lists. */
const DEPTH = 8;

const broken = () => new BrokenAnswer('what it answers is not as Redis does; is the port right?', 'form');
const tooLarge = (what: string) => new BrokenAnswer(`its answer has ${what}`, 'size');

/**
 * Checks the replies of a Redis server in version 2 of its protocol, which is the one that is asked for. State: a line
 * that has come in part, the bytes still to come of a text, and the entries still to come of each open list.
 */
export class RedisReplies implements AnswerCheck {
  private readonly allowance = new Allowance(BURST_BYTES, BYTES_PER_SECOND, '8 MB');
  /** Part of a line that has come. */
  private line = '';
  /** Bytes still to come of a text, its end included. */
  private left = 0;
  /** Entries still to come of each list that is open. */
  private readonly open: number[] = [];

  take(bytes: Buffer): void {
    this.allowance.take(bytes.length);
    for (let at = 0; at < bytes.length;) {
      if (this.left > 0) {
        const skipped = Math.min(this.left, bytes.length - at);
        this.left -= skipped;
        at += skipped;
        if (this.left === 0) this.endOne();
        continue;
      }
      const end = bytes.indexOf(LF, at) + 1;
      const part = bytes.toString('latin1', at, end === 0 ? bytes.length : end);
      if (this.line.length + part.length > LINE_BYTES) throw tooLarge('a line without an end');
      this.line += part;
      at += part.length;
      if (end > 0) this.takeLine();
    }
  }

  private takeLine(): void {
    const { line } = this;
    this.line = '';
    if (line.indexOf('\r') !== line.length - 2) throw broken();
    const text = line.slice(1, -2);
    switch (line[0]) {
      case '+':
      case '-':
        return this.endOne();
      case ':':
        if (!/^-?\d{1,19}$/.test(text)) throw broken();
        return this.endOne();
      case '$': {
        const length = lengthIn(text);
        if (length > TEXT_BYTES) throw tooLarge('a text of more than 1 MB');
        if (length < 0) return this.endOne();
        this.left = length + 2;
        return;
      }
      case '*': {
        const length = lengthIn(text);
        if (length > ENTRIES) throw tooLarge(`a list of more than ${ENTRIES} entries`);
        if (length <= 0) return this.endOne();
        if (this.open.push(length) > DEPTH) throw broken();
        return;
      }
      default:
        throw broken();
    }
  }

  private endOne(): void {
    while (this.open.length > 0) {
      const last = this.open.length - 1;
      this.open[last]! -= 1;
      if (this.open[last]! > 0) return;
      this.open.pop();
    }
  }
}

/** -1 is none at all. */
function lengthIn(text: string): number {
  if (text === '-1') return -1;
  if (!/^\d{1,400}$/.test(text)) throw broken();
  return Number(text);
}
