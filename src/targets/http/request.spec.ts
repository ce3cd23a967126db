import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import { HttpStandIn } from '../../../test/stand-ins/http-stand-in';
import { sendOnce } from './request';

/** Answers with what it is sent. */
class Echo extends HttpStandIn {
  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    response.setHeader('X-Length', request.headers['content-length'] ?? 'none').end(Buffer.concat(chunks));
  }
}

describe('a request', () => {
  const echo = new Echo();
  let url: string;

  beforeAll(async () => (url = await echo.start()));
  afterAll(() => echo.stop());

  const send = (body?: Buffer) =>
    sendOnce({ method: 'POST', url, headers: {}, body, keepAlive: true }, new AbortController().signal);

  test.each([0, 1, 255, 16 * 1024, 16 * 1024 + 1, 60_000])(
    'with a body of %i bytes of any kind brings those very bytes',
    async (length) => {
      const body = randomBytes(length);
      for (let index = 0; index < Math.min(length, 256); index++) body[index] = index;
      const { headers, body: heard } = await send(body);
      expect(headers['x-length']).toBe(String(length));
      expect(heard.equals(body)).toBe(true);
    },
  );

  test('without a body says no length, or 0', async () => {
    const { headers, body } = await send();
    expect(headers['x-length']).toMatch(/^(?:none|0)$/);
    expect(body).toHaveLength(0);
  });
});
