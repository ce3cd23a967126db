import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { GivenQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { SignedIn } from '../auth/access';
import { callerIn } from '../auth/auth';
import { ROLES, type Caller } from '../common/caller';
import { checked } from '../common/check';
import { TokenDto, Tokens, TokensQuery } from './tokens';
import {
  Answers,
  AnswersNothing,
  flag,
  labels,
  moment,
  object,
  oneOf,
  pageShape,
  shape,
  text,
  uuid,
} from '../common/shapes';

const TOKEN_FIELDS = {
  id: uuid,
  name: text,
  approve: flag,
  createdAt: moment,
  expiresAt: moment,
  madeBy: text,
};
const RIGHTS = { role: oneOf(ROLES), scope: object({ labels }), lastUsedAt: moment };
const TOKEN = shape('Token', object(TOKEN_FIELDS, RIGHTS));
const NEW_TOKEN = shape('NewToken', object({ ...TOKEN_FIELDS, token: text }, RIGHTS));

/** HTTP API of the API tokens: each user's own; administrators reach all. */
@ApiTags('tokens')
@ApiBearerAuth()
@Controller('api/v1/tokens')
export class TokensController {
  constructor(private readonly tokens: Tokens) {}

  @Get()
  @SignedIn()
  @ApiQuery({ type: TokensQuery })
  @ApiOperation({ summary: 'Your tokens, with when each was last used; of an administrator, all' })
  @Answers(pageShape(TOKEN))
  list(@Query() query: GivenQuery, @Req() request: FastifyRequest) {
    return this.tokens.list(queryOf(TokensQuery, query), callerOf(request));
  }

  @Post()
  @SignedIn()
  @ApiBody({ type: TokenDto })
  @ApiOperation({
    summary: 'Make a token, which is shown this once; it never does more than you may, now or later',
  })
  @Answers(NEW_TOKEN, { status: 201 })
  create(@Body() body: unknown, @Req() request: FastifyRequest) {
    return this.tokens.create(checked(TokenDto, body), callerOf(request));
  }

  @Get(':id')
  @SignedIn()
  @ApiOperation({ summary: 'Read one' })
  @Answers(TOKEN)
  get(@Param('id') id: string, @Req() request: FastifyRequest) {
    return this.tokens.get(id, callerOf(request));
  }

  @Delete(':id')
  @HttpCode(204)
  @SignedIn()
  @ApiOperation({ summary: 'Delete one: it is void at once' })
  @AnswersNothing()
  async remove(@Param('id') id: string, @Req() request: FastifyRequest): Promise<void> {
    await this.tokens.remove(id, callerOf(request));
  }
}

/** Who is signed in has a caller. */
const callerOf = (request: FastifyRequest): Caller => callerIn(request)!;
