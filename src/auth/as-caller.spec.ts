import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { CallHandler, ExecutionContext } from '@nestjs/common';
import { defer, from, lastValueFrom } from 'rxjs';
import { currentCaller, type Caller } from '../common/caller';
import { AsCaller } from './auth';

const caller: Caller = { actor: 'anna', via: 'session', address: '::1', grants: [] };

/** Lets a handler answer a request of the caller's. @returns its answer */
function asked(raw: EventEmitter & { closed?: boolean }, handler: () => Promise<unknown>): Promise<unknown> {
  const request = { identified: { caller }, method: 'GET', query: {} };
  const http = { getRequest: () => request, getResponse: () => ({ raw }) };
  const context = { switchToHttp: () => http } as unknown as ExecutionContext;
  // As Nest calls handlers.
  const next: CallHandler = { handle: () => defer(AsyncResource.bind(() => from(handler()))) };
  return lastValueFrom(new AsCaller().intercept(context, next));
}

test('a caller is known until the handler has ended and the answer is sent, whichever comes last', async () => {
  jest.useFakeTimers();
  try {
    const raw = new EventEmitter();
    let end!: () => void;
    const known: (string | undefined)[] = [];
    let look!: () => void;
    const answer = asked(raw, async () => {
      await new Promise<void>((resolve) => (end = resolve));
      known.push(currentCaller()?.actor);
      // What streams an answer goes on after its handler.
      void new Promise<void>((resolve) => (look = resolve)).then(() => known.push(currentCaller()?.actor));
      return 'answer';
    });
    await Promise.resolve();
    jest.advanceTimersByTime(60_000);
    end();
    expect(await answer).toBe('answer');
    jest.advanceTimersByTime(60_000);
    look();
    await Promise.resolve();
    await Promise.resolve();
    expect(known).toEqual(['anna', 'anna']);

    const gone = Object.assign(new EventEmitter(), { closed: true });
    const late = asked(gone, async () => {
      await new Promise<void>((resolve) => (end = resolve));
      return currentCaller()?.actor;
    });
    raw.emit('close');
    await Promise.resolve();
    jest.advanceTimersByTime(60_000);
    end();
    expect(await late).toBe('anna');
  } finally {
    jest.useRealTimers();
  }
});
