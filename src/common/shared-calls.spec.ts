import { SharedCalls } from './shared-calls';

const NEVER = new AbortController().signal;

/** Calls that end when they are told to, or when they are aborted. */
class Calls {
  readonly shared = new SharedCalls<string>();
  readonly begun: { end: (word: string) => void; fail: (why: Error) => void; signal: AbortSignal }[] = [];

  want = (signal = NEVER, key = 'a'): Promise<string> =>
    this.shared.take(
      key,
      signal,
      (own) =>
        new Promise((end, fail) => {
          this.begun.push({ end, fail, signal: own });
          own.addEventListener('abort', () => fail(own.reason as Error));
        }),
    );
}

test('those who want the same at a time share one call, and its failure; who comes later makes another', async () => {
  const calls = new Calls();
  const wanted = [calls.want(), calls.want(), calls.want(NEVER, 'b')];
  expect(calls.begun).toHaveLength(2);
  calls.begun[0]!.end('one');
  calls.begun[1]!.end('two');
  expect(await Promise.all(wanted)).toEqual(['one', 'one', 'two']);
  const failing = Promise.allSettled([calls.want(), calls.want()]);
  expect(calls.begun).toHaveLength(3);
  calls.begun[2]!.fail(new Error('no'));
  expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  void calls.want().catch(() => undefined);
  expect(calls.begun).toHaveLength(4);
});

test('who does not wait any more ends it for nobody else', async () => {
  const calls = new Calls();
  const gone = new AbortController();
  const wanted = [calls.want(gone.signal), calls.want()];
  gone.abort(new Error('late'));
  await expect(wanted[0]).rejects.toThrow('late');
  expect(calls.begun[0]!.signal.aborted).toBe(false);
  calls.begun[0]!.end('one');
  expect(await wanted[1]).toBe('one');
  expect(calls.begun[0]!.signal.aborted).toBe(false);
});

test('what nobody waits for any more is aborted, and nobody joins it', async () => {
  const calls = new Calls();
  const gone = new AbortController();
  const wanted = Promise.allSettled([calls.want(gone.signal), calls.want(gone.signal)]);
  gone.abort(new Error('late'));
  await wanted;
  expect(calls.begun[0]!.signal.aborted).toBe(true);
  const next = calls.want();
  calls.begun[1]!.end('two');
  expect(await next).toBe('two');
  await expect(calls.want(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  expect(calls.begun).toHaveLength(2);
});
