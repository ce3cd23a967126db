import { GOOD } from '../../../test/stand-ins/certificates';
import { WebhookSink } from '../../../test/stand-ins/webhook-sink';
import { sendOnce } from './request';
import { NotSent } from './http-call';
import { assertMaySend, checkBeforeSending } from '../../common/before-sending';

describe.each([
  ['http', undefined],
  ['https', { cert: GOOD.cert, key: GOOD.key }],
])('a deed that may not be sent any more, over %s', (_scheme, tls) => {
  const sink = new WebhookSink(tls);
  const trusted = tls && { ca: GOOD.cert };
  let url: string;

  beforeAll(async () => {
    url = await sink.start();
  });
  beforeEach(() => sink.clear());
  afterAll(() => sink.stop());

  const send = (signal: AbortSignal, keepAlive: boolean) =>
    sendOnce(
      { method: 'POST', url, headers: {}, body: Buffer.from('x'.repeat(100_000)), keepAlive, tls: trusted },
      signal,
    );

  test.each([
    ['over a connection that is made for it', false],
    ['over one that was kept', true],
  ])('is not, %s, and it is known that it was not', async (_, keepAlive) => {
    await send(new AbortController().signal, keepAlive);
    const { signal } = new AbortController();
    let asked = 0;
    checkBeforeSending(signal, () => {
      asked++;
      throw new Error('this process was held up');
    });
    const failure = await send(signal, keepAlive).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(NotSent);
    expect((failure as Error).message).toBe('this process was held up');
    expect(asked).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(sink.requests).toHaveLength(1);
  });

  test('is asked when the connection is there, not before it is made', async () => {
    const { signal } = new AbortController();
    let maySend = true;
    checkBeforeSending(signal, () => {
      if (!maySend) throw new Error('too late');
    });
    assertMaySend(signal);
    const sending = send(signal, false);
    // The process is stopped here, before there is a connection.
    maySend = false;
    await expect(sending).rejects.toThrow('too late');
    expect(sink.requests).toHaveLength(0);
  });

  test('a call without a check is sent', async () => {
    assertMaySend(new AbortController().signal);
    expect((await send(new AbortController().signal, false)).status).toBe(200);
  });
});
