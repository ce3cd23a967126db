import { fork, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { messageOf } from '../../common/errors';
import { fromSource } from '../../common/from-source';
import { telemetry } from '../../common/telemetry';
import { strangersEnvironment } from '../../config/config';
import { addressesAllowed } from '../../targets/address-guard';
import {
  LAST_WORDS_FD,
  type Answer,
  type Death,
  type FromReader,
  type LastWords,
  type Question,
  type ToReader,
} from './messages';

const MAIN = join(__dirname, `main${extname(__filename)}`);
/** Limit of the heap, MB. The watching thread counts all memory, and ends the process far below this. */
const HEAP_MB = 1_024;
/**
 * Time between two pings, and (below) of silence before the kill, milliseconds: for a process that its own thread does
 * not end, because it was stopped by a signal or has lost the thread.
 */
const PING_MS = 2_000;
const SILENT_MS = 10_000;
const CLOSE_MS = 1_500;
const WORDS_CHARACTERS = 8_000;
const COMPLAINT_CHARACTERS = 400;

/** Error of questions that were not answered, as the process that read is gone. */
export class ReaderGone extends Error {
  constructor(
    readonly why: Death | 'ended',
    /** Target whose answer it was reading, as far as is known. */
    readonly target: string | undefined,
    /** Whether it had begun its work: then a target may have ended it. */
    readonly wasUp: boolean,
    message: string,
  ) {
    super(message);
  }
}

interface Pending {
  resolve: (answer: Answer) => void;
  reject: (error: ReaderGone) => void;
}

/**
 * Process that reads targets (`main.ts`), as seen from here.
 *
 * States: starting, up (it has sent something), gone. It takes questions until it is gone, and is then gone for good.
 * Every question is answered, or fails with `ReaderGone`; a silent process is killed.
 */
export class ReaderProcess {
  private readonly child: ChildProcess;
  private readonly pending = new Map<number, Pending>();
  private readonly ended: Promise<void>;
  private readonly pings: NodeJS.Timeout;
  private lastId = 0;
  /** Questions of this turn of the loop, which are sent together. */
  private asking: (Question & { id: number })[] = [];
  private words = '';
  private complaint = '';
  private heardAt = performance.now();
  private isUp = false;
  private isGone = false;

  /** @param whenGone called once, when the process has ended */
  constructor(private readonly whenGone: (gone: ReaderGone) => void) {
    this.child = fork(MAIN, [...addressesAllowed()], {
      // The last one is LAST_WORDS_FD.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
      env: strangersEnvironment(),
      execArgv: [`--max-old-space-size=${HEAP_MB}`, ...fromSource(__filename)],
    });
    this.hear(
      this.child.stderr,
      (text) => (this.complaint = (this.complaint + text).slice(0, WORDS_CHARACTERS)),
    );
    this.hear(this.child.stdio[LAST_WORDS_FD] as Readable | null, (text) => {
      this.words = (this.words + text).slice(0, WORDS_CHARACTERS);
    });
    this.child.on('message', (message: FromReader) => this.take(message));
    this.ended = new Promise((resolve) => {
      // It could not be started, or something could not be sent to it.
      this.child.on('error', (error) => {
        this.complaint ||= messageOf(error);
        this.child.kill('SIGKILL');
        if (this.child.pid === undefined) this.leave(resolve, 'it can not be started');
      });
      // Once what it said last has come, too.
      this.child.on('close', (code, signal) => this.leave(resolve, `it ended (${signal ?? code})`));
    });
    this.pings = setInterval(() => this.ping(), PING_MS);
    this.pings.unref();
    this.unref();
  }

  /**
   * Asks the process.
   *
   * @throws ReaderGone
   */
  ask(question: Question): Promise<Answer> {
    if (this.isGone) return Promise.reject(new ReaderGone('ended', undefined, false, 'it has ended'));
    const id = ++this.lastId;
    if (this.asking.length === 0) setImmediate(() => this.sendQuestions());
    this.asking.push({ ...question, id });
    return new Promise((resolve, reject) => this.pending.set(id, { resolve, reject }));
  }

  /** Ends the process, which closes its connections first; it is killed when that takes too long. */
  async close(): Promise<void> {
    this.send({ close: true });
    const late = setTimeout(() => this.child.kill('SIGKILL'), CLOSE_MS);
    await this.ended;
    clearTimeout(late);
  }

  private sendQuestions(): void {
    const { asking } = this;
    this.asking = [];
    this.send({ ask: asking });
  }

  private send(message: ToReader): void {
    // One that is ending does not take it: its questions fail when it has ended.
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  private take({ answers = [], refused }: FromReader): void {
    this.isUp = true;
    this.heardAt = performance.now();
    for (const { id, readings } of answers) {
      this.pending.get(id)?.resolve(readings);
      this.pending.delete(id);
    }
    if (refused !== undefined)
      telemetry.answersRefused.inc({ protocol: refused.protocol, reason: refused.why });
  }

  private ping(): void {
    if (performance.now() - this.heardAt < PING_MS) return;
    this.send({ ping: true });
    // Where it was this process that stood still, what it has not heard yet comes first.
    setImmediate(() => {
      if (performance.now() - this.heardAt > SILENT_MS + PING_MS) this.child.kill('SIGKILL');
    });
  }

  private leave(resolve: () => void, how: string): void {
    if (this.isGone) return;
    this.isGone = true;
    clearInterval(this.pings);
    const { why, target, text } = lastWordsIn(this.words);
    const complaint = (text ?? this.complaint).replace(/\s+/g, ' ').trim().slice(0, COMPLAINT_CHARACTERS);
    const gone = new ReaderGone(
      why ?? 'ended',
      target,
      this.isUp,
      `${why === undefined ? how : DEATHS[why]}${complaint ? `: ${complaint}` : ''}`,
    );
    resolve();
    for (const { reject } of this.pending.values()) reject(gone);
    this.pending.clear();
    this.whenGone(gone);
  }

  /** Lets a program that has nothing else to do end. */
  private unref(): void {
    this.child.unref();
    this.child.channel?.unref();
    for (const stream of this.child.stdio) if (stream instanceof Socket) stream.unref();
  }

  private hear(stream: Readable | null, take: (text: string) => void): void {
    stream?.on('error', () => undefined);
    stream?.on('data', (bytes: Buffer) => take(bytes.toString()));
  }
}

const DEATHS: Record<Death, string> = {
  silent: 'it stood still for 2 s',
  memory: 'it took more than 512 MB',
  exception: 'it threw what nobody caught',
};

function lastWordsIn(text: string): Partial<LastWords> {
  try {
    return JSON.parse(text) as LastWords;
  } catch {
    return {};
  }
}
