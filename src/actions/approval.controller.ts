import { Body, Controller, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { ApiConsumes, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FORM_BODY } from '../api/raw-body';
import { Public } from '../auth/access';
import { clientAddress } from '../auth/client-address';
import { runAs, type Caller } from '../common/caller';
import { checked } from '../common/check';
import { Conflict, Forbidden, messageOf, NotFound } from '../common/errors';
import { Choice } from '../common/fields';
import { RouteConfig } from '../common/route-config';
import { CONFIG, type Config } from '../config/config';
import { AwaitingRequests } from './awaiting-requests';
import { ApprovalLinks, type Awaiting } from './approval-links';
import { PAGE_POLICY, questionPage, wordPage } from './approval-page';
import { Executions } from './executions';
import { AnswersText } from '../common/shapes';

class DecisionDto {
  @Choice(['approve', 'reject'], { description: 'What to do with it' })
  decision: 'approve' | 'reject';
}

/** Page of an approval by link. Reading it never acts: programs that scan mail read every link. */
@ApiTags('executions')
@Controller('approve')
export class ApprovalController {
  constructor(
    private readonly links: ApprovalLinks,
    private readonly executions: Executions,
    private readonly requests: AwaitingRequests,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get(':token')
  @Public()
  @ApiProduces('text/html')
  @ApiOperation({
    summary: 'The page that a link in a message opens: what waits for approval; it asks, and does nothing',
  })
  @AnswersText('text/html')
  async ask(@Param('token') token: string, @Res() reply: FastifyReply): Promise<void> {
    const awaiting = await this.links.find(token);
    if (awaiting === undefined) return voided(reply);
    send(reply, 200, await this.question(awaiting));
  }

  @Post(':token')
  @Public()
  @RouteConfig(FORM_BODY)
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiProduces('text/html')
  @ApiOperation({ summary: 'Approve or reject by a link, once' })
  @AnswersText('text/html')
  async decide(
    @Param('token') token: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const awaiting = await this.links.find(token);
    if (awaiting === undefined) return voided(reply);
    const { decision } = checked(DecisionDto, body ?? {});
    const caller: Caller = {
      actor: `link for ${awaiting.action}`,
      via: 'link',
      address: clientAddress(request.raw),
      grants: [{ role: null, approve: true, scope: null }],
      needs: 'approve',
    };
    try {
      await runAs(caller, () => this.executions[decision](awaiting.id));
    } catch (error) {
      if (error instanceof NotFound) return voided(reply);
      if (!(error instanceof Conflict) && !(error instanceof Forbidden)) throw error;
      // What has moved since is asked again; what somebody else decided meanwhile is void.
      const left = await this.links.find(token);
      if (left === undefined) return voided(reply);
      return send(reply, error instanceof Conflict ? 409 : 403, await this.question(left, messageOf(error)));
    }
    const done = decision === 'approve' ? 'Approved' : 'Rejected';
    send(reply, 200, wordPage(done, `${awaiting.action} for ${awaiting.service}: ${done.toLowerCase()}.`));
  }

  private async question(awaiting: Awaiting, problem?: string): Promise<string> {
    const { service, action, justification, variables, expiresAt, byOther } = awaiting;
    const { nodes } = variables as { nodes?: { current: number; desired: number } | null };
    const base = this.config.publicUrl?.replace(/\/+$/, '') ?? '';
    return questionPage({
      service,
      action,
      why: justification,
      request: await this.request(awaiting),
      ...(nodes ? { nodes } : {}),
      until: expiresAt,
      problem,
      ...(byOther ? { signIn: `${base}/approvals` } : {}),
    });
  }

  private async request(awaiting: Awaiting): Promise<string> {
    const shown = await this.requests.shown(awaiting);
    return 'request' in shown
      ? JSON.stringify(shown.request, undefined, 2)
      : `it can't be shown: ${shown.error}`;
  }
}

function send(reply: FastifyReply, status: number, html: string): void {
  void reply
    .status(status)
    .header('Content-Security-Policy', PAGE_POLICY)
    .type('text/html; charset=utf-8')
    .send(html);
}

const voided = (reply: FastifyReply): void =>
  send(
    reply,
    404,
    wordPage('This link is void', 'It was used, somebody decided already, or the time for it is over.'),
  );
