import { WebhookSink } from '../../../test/stand-ins/webhook-sink';
import { Ambiguous, Permanent, Retryable, type ActionContext } from '../action';
import { Chat, ChatParams } from './chat.action';

const context: ActionContext = {
  signal: new AbortController().signal,
  timeoutMs: 1_000,
  now: new Date(),
  executionId: 'e-1',
  variables: {},
};

describe('chat', () => {
  const sink = new WebhookSink();
  const chat = new Chat();
  let url: string;

  beforeAll(async () => void (url = await sink.start()));
  afterAll(() => sink.stop());
  beforeEach(() => sink.requests.splice(0));

  const params = (given: Partial<ChatParams> = {}) =>
    Object.assign(new ChatParams(), { url: `${url}/hook`, text: 'web: cpu is 93 & "over" 80', ...given });

  test('Slack takes a text', async () => {
    await expect(chat.execute(params(), context)).resolves.toMatchObject({
      detail: expect.stringMatching(/^200/),
    });
    expect(sink.requests).toMatchObject([{ method: 'POST', path: '/hook' }]);
    expect(JSON.parse(sink.requests[0]!.body)).toEqual({ text: 'web: cpu is 93 & "over" 80' });
    expect(sink.requests[0]!.headers['content-type']).toBe('application/json');
  });

  test('Teams takes an adaptive card', async () => {
    await chat.execute(params({ service: 'teams' }), context);
    expect(JSON.parse(sink.requests[0]!.body)).toMatchObject({
      type: 'message',
      attachments: [{ content: { type: 'AdaptiveCard', body: [{ text: 'web: cpu is 93 & "over" 80' }] } }],
    });
  });

  test('nothing is said where there is nothing to say', async () => {
    await expect(chat.execute(params({ text: ' ' }), context)).rejects.toThrow(Permanent);
    expect(sink.requests).toEqual([]);
  });

  test.each([
    [404, Permanent],
    [403, Permanent],
    [429, Retryable],
    [500, Ambiguous],
  ])('%d is %p', async (status, kind) => {
    sink.next.push({ status });
    await expect(chat.execute(params(), context)).rejects.toThrow(kind);
  });
});
