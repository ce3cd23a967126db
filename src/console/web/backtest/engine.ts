/** Asks the engine in its worker, which is started with the first question and lives as long as the page. */
import type { Answered, Asked, Question } from './backtest.worker';

const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
let worker: Worker | undefined;
let count = 0;

function start(): Worker {
  const started = new Worker(new URL('./backtest.worker.ts', import.meta.url), { type: 'module' });
  started.onmessage = ({ data }: MessageEvent<Answered>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ('error' in data) asked?.reject(new Error(data.error));
    else asked?.resolve(data.value);
  };
  started.onerror = () => {
    // It could not be loaded, or died: whoever asks next starts another.
    for (const { reject } of waiting.values()) reject(new Error('the engine has stopped'));
    waiting.clear();
    worker = undefined;
  };
  return started;
}

/** @throws Error with the words of the engine */
export function askEngine<T>(question: Question): Promise<T> {
  worker ??= start();
  const id = ++count;
  return new Promise<T>((resolve, reject) => {
    waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
    worker!.postMessage({ id, question } satisfies Asked);
  });
}
