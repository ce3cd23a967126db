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

  const CONNECTOR = 'Webhook message delivery failed with error: Microsoft Teams endpoint returned';

  test.each<[ChatParams['service'], number, string]>([
    ['slack', 200, 'ok'],
    ['slack', 200, 'ok\n'],
    ['slack', 200, ''],
    ['slack', 204, ''],
    ['slack', 200, '{"ok": true}'],
    ['slack', 200, '{"success": true}'],
    ['slack', 200, '{"result": "success", "msg": ""}'],
    ['slack', 200, '{"name": "spaces/A/messages/B", "sender": {"name": "users/1"}, "text": "hi"}'],
    ['slack', 200, '{"id": "1", "type": 0, "content": "hi", "channel_id": "2", "webhook_id": "3"}'],
    ['teams', 200, '1'],
    ['teams', 202, ''],
    ['teams', 202, '{"status": "accepted"}'],
    ['teams', 200, ''],
    ['teams', 202, 'Accepted'],
  ])('%s: %d %j is said', async (service, status, body) => {
    sink.next.push({ status, body });
    await expect(chat.execute(params({ service }), context)).resolves.toMatchObject({
      detail: expect.stringMatching(/^20\d/),
    });
  });

  test.each<[ChatParams['service'], string, new (message: string) => Error]>([
    ['teams', `${CONNECTOR} HTTP error 429 with ContextId tcid=0`, Retryable],
    ['teams', `${CONNECTOR} HTTP error 503 with ContextId tcid=0`, Retryable],
    ['teams', `${CONNECTOR} HTTP error 413 with ContextId tcid=0`, Permanent],
    ['teams', `${CONNECTOR} HTTP error 400 with ContextId tcid=0`, Permanent],
    ['teams', `${CONNECTOR} HTTP error 404`, Permanent],
    ['teams', `${CONNECTOR} HTTP error 500`, Ambiguous],
    ['teams', 'Webhook message delivery failed with error: the operation was canceled', Retryable],
    ['teams', 'Summary or Text is required.', Permanent],
    ['teams', 'Bad payload received by generic incoming webhook.', Permanent],
    ['teams', '{"error": {"code": "WorkflowTriggerIsNotEnabled", "message": "no"}}', Permanent],
    ['teams', '{"error": {"code": "429", "message": "Rate limit is exceeded"}}', Retryable],
    ['teams', '<html>Sign in to your account</html>', Ambiguous],
    ['teams', '0', Ambiguous],
    ['slack', '{"ok": false, "error": "service_unavailable"}', Retryable],
    ['slack', '{"ok": false, "error": "internal_error"}', Ambiguous],
    ['slack', 'fatal_error', Ambiguous],
    ['slack', '{"errors": ["no such channel"]}', Permanent],
    ['slack', '{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}', Retryable],
    ['slack', '{"name": "spaces/A/messages/B", "error": {"code": 400}}', Permanent],
    ['slack', '{"name": "hook", "id": "1"}', Ambiguous],
    ['slack', 'invalid_token', Permanent],
    ['slack', 'channel_is_archived', Permanent],
    ['slack', 'rate_limited', Retryable],
    ['slack', '{"ok": false, "error": "no_text"}', Permanent],
    ['slack', '{"ok": false, "error": "rate_limited"}', Retryable],
    ['slack', '{"success": false, "error": "Invalid integration id"}', Permanent],
    ['slack', '{"id": "web.incoming_webhook", "message": "bad", "status_code": 400}', Permanent],
    ['slack', '{"id": "store", "message": "busy", "status_code": 503}', Retryable],
    ['slack', '{"result": "error", "msg": "Stream does not exist"}', Permanent],
    ['slack', '<!DOCTYPE html><title>Log in</title>', Ambiguous],
    ['slack', 'NaN', Ambiguous],
    ['slack', '{}', Ambiguous],
  ])('%s: 200 %j is %p, and the words are told', async (service, body, kind) => {
    sink.next.push({ body });
    const error = await chat.execute(params({ service }), context).then(
      () => Promise.reject(new Error('it succeeded')),
      (thrown: Error) => thrown,
    );
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(body);
  });

  test.each([
    ['{"error": {"code": "WorkflowTriggerIsNotEnabled", "message": "no"}}', Permanent],
    [`${CONNECTOR} HTTP error 429`, Retryable],
  ])('teams: 202 %j is no success either', async (body, kind) => {
    sink.next.push({ status: 202, body });
    await expect(chat.execute(params({ service: 'teams' }), context)).rejects.toBeInstanceOf(kind);
  });

  test('waits as long as a service asks in a success', async () => {
    sink.next.push({ body: 'rate_limited', headers: { 'Retry-After': '30' } });
    sink.next.push({ body: `${CONNECTOR} HTTP error 429`, headers: { 'Retry-After': '40' } });
    for (const [service, retryAfterSeconds] of [
      ['slack', 30],
      ['teams', 40],
    ] as const)
      await expect(chat.execute(params({ service }), context)).rejects.toMatchObject({ retryAfterSeconds });
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
