import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GivenQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { Public, SignedIn } from '../auth/access';
import { currentCaller, scopesOf, type Caller } from '../common/caller';
import { checked } from '../common/check';
import { NotFound } from '../common/errors';
import { Any, Text } from '../common/fields';
import { isId } from '../common/ids';
import { storable } from '../common/json';
import { composed, NAME_OF_PERSON } from '../common/names';
import { CONFIG, type Config } from '../config/config';
import { FirstRun } from './first-run';
import { Oidc } from './oidc';
import { refuseKnownOtherSites } from './origins';
import { OwnPassword } from './own-password';
import { SignIn } from './sign-in';
import { SignInDto } from './sign-in.dto';
import { SESSION, SessionsQuery, UserSessions } from './user-sessions';
import { passwordProblem } from './users';
import { Whoami, WHOAMI, type Shown } from './whoami';
import { Answers, AnswersNothing, flag, object, pageShape } from '../common/shapes';

class OwnPasswordDto {
  @Text({ description: 'Present password', minLength: 1, maxLength: 2_048 })
  password: string;

  @Any(
    { description: 'Next password' },
    { type: 'string', format: 'password', writeOnly: true },
    passwordProblem,
  )
  newPassword: string;
}

class SetupDto {
  @Text({ description: 'Token of the setup URL', minLength: 1, maxLength: 200 })
  token: string;

  @Text({ description: 'Name of the first user', ...NAME_OF_PERSON })
  username: string;

  @Any({ description: 'Password' }, { type: 'string', format: 'password', writeOnly: true }, passwordProblem)
  password: string;
}

/** HTTP API of signing in and out, of sessions, and of the first run. */
@ApiTags('signing in')
@Controller('api/v1')
export class SessionController {
  constructor(
    private readonly signIn: SignIn,
    private readonly ownPassword: OwnPassword,
    private readonly sessions: UserSessions,
    private readonly whoami: Whoami,
    private readonly firstRun: FirstRun,
    private readonly oidc: Oidc,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Post('session')
  @Public()
  @HttpCode(200)
  @ApiBody({ type: SignInDto })
  @ApiOperation({
    summary: 'Sign in: answers who one is and sets a cookie; 401, 429 after too many failures',
  })
  @Answers(WHOAMI)
  async create(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Shown> {
    refuseKnownOtherSites(request.raw, this.config.publicUrl);
    const { username, password } = checked(SignInDto, body);
    const { userId, cookie } = await this.signIn.byPassword(username, password, request);
    void reply.header('Set-Cookie', cookie);
    return this.whoami.ofUser(userId);
  }

  @Get('session')
  @SignedIn()
  @ApiBearerAuth()
  @ApiOperation({ summary: 'Who asks, by cookie or token, and what they may' })
  @Answers(WHOAMI)
  show(): Promise<Shown> {
    return this.whoami.of(currentCaller()!);
  }

  @Delete('session')
  @SignedIn()
  @HttpCode(204)
  @ApiOperation({
    summary:
      'Sign out. Where a provider signed one in, the answer has Link: <URL>; rel="end-session", which signs out there',
  })
  @AnswersNothing()
  async end(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    if (currentCaller()!.via !== 'session') return;
    const { cookie, idToken } = await this.sessions.end(request);
    void reply.header('Set-Cookie', cookie);
    const url = idToken === undefined ? undefined : await this.oidc.endSessionUrl(idToken, request);
    if (url !== undefined) void reply.header('Link', `<${url}>; rel="end-session"`);
  }

  @Put('session/password')
  @SignedIn()
  @HttpCode(204)
  @ApiBody({ type: OwnPasswordDto })
  @ApiOperation({ summary: "Change one's own password; all other sessions end" })
  @AnswersNothing()
  async changePassword(@Body() body: unknown, @Req() request: FastifyRequest): Promise<void> {
    const { password, newPassword } = checked(OwnPasswordDto, body);
    await this.ownPassword.change(password, newPassword, request);
  }

  @Get('sessions')
  @SignedIn()
  @ApiBearerAuth()
  @ApiOperation({ summary: "One's own sessions; an administrator's: those of all" })
  @ApiQuery({ type: SessionsQuery })
  @Answers(pageShape(SESSION))
  list(@Query() query: GivenQuery) {
    const caller = currentCaller()!;
    return this.sessions.list(whose(caller), queryOf(SessionsQuery, query), caller.credentialId);
  }

  @Delete('sessions/:id')
  @SignedIn()
  @HttpCode(204)
  @ApiBearerAuth()
  @ApiOperation({ summary: 'End a session' })
  @AnswersNothing()
  async endOther(@Param('id') id: string): Promise<void> {
    const isEnded = isId(id) && (await this.sessions.endById(id, whose(currentCaller()!)));
    if (!isEnded) throw new NotFound('session', storable(id));
  }

  @Get('setup')
  @Public()
  @ApiOperation({ summary: 'Whether the first user is yet to be made' })
  @Answers(object({ needed: flag }))
  async needed(): Promise<{ needed: boolean }> {
    return { needed: await this.firstRun.isNeeded() };
  }

  @Post('setup')
  @Public()
  @ApiBody({ type: SetupDto })
  @ApiOperation({
    summary: 'Make the first user, an administrator, by the token of the setup URL, and sign in',
  })
  @Answers(WHOAMI, { status: 201 })
  async setUp(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Shown> {
    refuseKnownOtherSites(request.raw, this.config.publicUrl);
    const { token, username, password } = checked(SetupDto, body);
    const { userId, cookie } = await this.firstRun.setUp(token, composed(username), password, request);
    void reply.header('Set-Cookie', cookie);
    return this.whoami.ofUser(userId);
  }
}

/** Returns whose sessions a caller may see: undefined for everybody's. Who is no user has none. */
function whose(caller: Caller): string | undefined {
  if (scopesOf(caller, 'admin') === null) return undefined;
  return caller.userId ?? NO_USER;
}

const NO_USER = '00000000-0000-0000-0000-000000000000';
