import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiFoundResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/access';
import { checked } from '../common/check';
import { Text } from '../common/fields';
import { Oidc, type Redirect } from './oidc';

class BeginQuery {
  @Text({ description: 'Path of ours to be at afterwards', maxLength: 2_000 })
  returnTo = '/';
}

/** HTTP API of signing in by a provider; browsers are sent there and come back. */
@ApiTags('signing in')
@Controller('api/v1/auth/oidc')
export class OidcController {
  constructor(private readonly oidc: Oidc) {}

  @Get()
  @Public()
  @ApiOperation({ summary: 'Sign in by the provider: 302 to it; ?returnTo= is a path of ours' })
  @ApiFoundResponse({ description: 'To the provider' })
  async begin(
    @Query() query: Record<string, string>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    redirect(reply, await this.oidc.begin(checked(BeginQuery, query).returnTo, request));
  }

  @Get('callback')
  @Public()
  @ApiOperation({ summary: 'Where the provider sends browsers back to' })
  @ApiFoundResponse({ description: 'To where one wanted to go' })
  async end(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    redirect(reply, await this.oidc.end(request));
  }
}

function redirect(reply: FastifyReply, { url, cookies }: Redirect): void {
  void reply.status(302).header('Location', url).header('Set-Cookie', cookies);
}
