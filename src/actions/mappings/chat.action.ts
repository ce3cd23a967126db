import { Injectable } from '@nestjs/common';
import { Choice, Nested, Text } from '../../common/fields';
import { hostIn } from '../../targets/http/host';
import { HTTP_URL, HTTP_URL_HINT, httpUrlProblem, TlsParams } from '../../targets/http/params';
import { ActionMapping, Permanent, type Action, type ActionContext, type ActionResult } from '../action';
import { chatFailure, type ChatService } from '../chat-answers';
import { Webhook, WebhookParams } from './webhook.action';

/** Form of a message for each service. */
const SHAPES: Record<ChatService, (text: string) => object> = {
  /** Format: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks; Mattermost takes it too. */
  slack: (text) => ({ text }),
  /** Format: https://learn.microsoft.com/connectors/teams, a workflow "when a Teams webhook request is received". */
  teams: (text) => ({
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [{ type: 'TextBlock', text, wrap: true }],
        },
      },
    ],
  }),
};

export class ChatParams {
  @Choice(Object.keys(SHAPES), { directs: 'nothing', description: 'Whose form of message it takes' })
  service: ChatService = 'slack';

  @Text({
    description: 'Its incoming webhook; whoever knows it may post',
    secret: true,
    pattern: HTTP_URL,
    patternHint: HTTP_URL_HINT,
    check: httpUrlProblem,
    example: 'https://hooks.slack.com/services/T0/B0/x',
  })
  url: string;

  @Text({
    directs: 'nothing',
    description: 'What is said',
    template: 'text',
    maxLength: 10_000,
    example: '{{ service.name }}: {{ trigger.justification }}',
  })
  text: string = '{{ service.name }}: {{ trigger.justification }}';

  @Nested(() => TlsParams, { description: 'TLS to the target', optional: true })
  tls?: TlsParams;
}

@ActionMapping({
  type: 'chat',
  title: 'Chat message',
  description: 'Says something in a channel of Slack, Mattermost or Microsoft Teams',
  params: ChatParams,
  capacity: 'none',
})
@Injectable()
export class Chat implements Action<ChatParams> {
  private readonly webhook = new Webhook();

  /** Posts the message. A message has no idempotency key: after a lost answer it is unknown whether it was posted. */
  async execute(params: ChatParams, context: ActionContext): Promise<ActionResult> {
    if (params.text.trim() === '') throw new Permanent('there is nothing to say: its text is empty');
    return this.webhook.execute(requestOf(params), untraced(context), (answer, target) =>
      chatFailure(params.service, answer, target),
    );
  }

  preview(params: ChatParams, context: ActionContext) {
    return this.webhook.preview(requestOf(params), untraced(context));
  }

  target({ url }: ChatParams): string | undefined {
    return hostIn(url);
  }

  idempotent(): boolean {
    return false;
  }
}

/** Services of others have no use for our traces. */
const untraced = (context: ActionContext): ActionContext => ({ ...context, traceparent: undefined });

function requestOf({ service, url, text, tls }: ChatParams): WebhookParams {
  const body = JSON.stringify(SHAPES[service](text));
  return Object.assign(new WebhookParams(), { url, body, tls, idempotent: false });
}
