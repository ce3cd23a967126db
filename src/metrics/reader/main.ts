/**
 * Process that reads targets whose protocols libraries decode: what their answers do to it, they do to it alone. A
 * thread watches over it, and ends it rather than let it stand still or grow.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import { writeSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { fromSource } from '../../common/from-source';
import { nameSources } from '../../common/source-maps';
import { stackOf } from '../../common/stack';
import { installLookup } from '../../names/lookup';
import { allowAddresses } from '../../targets/address-guard';
import { RedisTargets } from '../redis/redis-targets';
import { SqlTargets } from '../sql/sql-targets';
import { containSockets, type Asked } from './contained-sockets';
import {
  LAST_WORDS_FD,
  TARGET_CHARACTERS,
  type FromReader,
  type LastWords,
  type Protocol,
  type Question,
  type ToReader,
  type Watched,
} from './messages';
import type { TargetProtocol } from './target-protocol';

nameSources();

const BEAT_MS = 100;
const CLOSE_MS = 100;
const TEXT_CHARACTERS = 2_000;

const protocols: Record<Protocol, TargetProtocol> = { sql: new SqlTargets(), redis: new RedisTargets() };
const asked = new AsyncLocalStorage<Asked>();
const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
const target = new Uint8Array(new SharedArrayBuffer(TARGET_CHARACTERS));
const encoder = new TextEncoder();

function send(message: FromReader): void {
  // The program may be gone.
  process.send?.(message, undefined, undefined, () => undefined);
}

/** Notes the target whose answer is being read, for the watching thread. */
const note = (name: string): void => void encoder.encodeInto(name, target);

const beat = () => void Atomics.add(beats, 0, 1);
setInterval(beat, BEAT_MS);
const watch = new Worker(join(__dirname, `watch-thread${extname(__filename)}`), {
  workerData: { beats, target, parent: process.ppid } satisfies Watched,
  execArgv: fromSource(__filename),
  resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
});
// Unwatched it would be no safer than before.
watch.on('error', (error) => die(error));

/**
 * Ends the process after an exception that nobody caught. The libraries may be in any state; another process goes on.
 */
function die(error: unknown): never {
  const words: LastWords = {
    why: 'exception',
    target: asked.getStore()?.target,
    text: stackOf(error).slice(0, TEXT_CHARACTERS),
  };
  try {
    writeSync(LAST_WORDS_FD, JSON.stringify(words));
  } catch {
    // Nobody hears it.
  }
  process.exit(1);
}
process.on('uncaughtException', die);

installLookup();
allowAddresses(process.argv.slice(2));

// That it is there.
send({});
containSockets(asked, note, (protocol, why) => send({ refused: { protocol, why } }));

/** Answers of one turn of the loop, which are sent together. */
let answers: NonNullable<FromReader['answers']> = [];

function sendAnswers(): void {
  send({ answers });
  answers = [];
}

async function answer(question: Question & { id: number }): Promise<void> {
  const { id, protocol, timeoutMs } = question;
  note(question.target);
  const signal = AbortSignal.timeout(timeoutMs);
  // Many questions may listen to it at once, and Node warns of more than ten.
  setMaxListeners(0, signal);
  const readings = await asked.run({ protocol, target: question.target }, () =>
    protocols[protocol].read(question, signal),
  );
  if (answers.length === 0) setImmediate(sendAnswers);
  answers.push({ id, readings });
}

process.on('message', (message: ToReader) => {
  if ('ask' in message) for (const question of message.ask) void answer(question);
  else if ('ping' in message) send({});
  else {
    Object.values(protocols).forEach((protocol) => protocol.close());
    // Targets are told that their connections end, if they hear it.
    setTimeout(() => process.exit(0), CLOSE_MS);
  }
});
process.on('disconnect', () => process.exit(0));
