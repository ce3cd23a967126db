import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { GivenQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { idOf, momentOf, momentProblem } from '../api/range-query';
import { Needs } from '../auth/access';
import { checked } from '../common/check';
import { Choice, Text } from '../common/fields';
import { AwaitingRequests } from './awaiting-requests';
import { Executions } from './executions';
import { EXECUTION, ExecutionsQuery, ShownExecutions } from './shown-executions';
import { Answers, either, object, pageShape, shape, someObject, text, whole } from '../common/shapes';

const ENDED_BADLY = ['failed', 'unknown', 'cancelled'] as const;

class ExecutionFilter {
  @Choice(ENDED_BADLY, { description: 'Which of those that ended badly' })
  status: (typeof ENDED_BADLY)[number] = 'failed';

  @Text({ description: 'Id or name of the service', optional: true, maxLength: 200 })
  service?: string;

  @Text({ description: 'Id or name of the action', optional: true, maxLength: 200 })
  action?: string;

  @Text({ description: 'Made from this moment on (RFC 3339)', optional: true, check: momentProblem })
  from?: string;

  @Text({ description: 'Made before this moment (RFC 3339)', optional: true, check: momentProblem })
  to?: string;
}

class Decision {
  @Text({ description: 'Why, for whoever reads its history', optional: true, maxLength: 1_000 })
  note?: string;
}

class Resolution {
  @Choice(['succeeded', 'failed'], { description: 'What came of it at the target' })
  status: 'succeeded' | 'failed';

  @Text({ description: 'How you know', minLength: 1, maxLength: 1_000 })
  note: string;
}

const RETRIED = shape('Retried', object({ retried: whole }, { changed: whole }));
const AWAITING_REQUEST = shape(
  'AwaitingRequest',
  either(object({ request: someObject }), object({ error: text })),
);

/** Routes for executions and their history. */
@ApiTags('executions')
@ApiBearerAuth()
@Controller('api/v1/executions')
export class ExecutionsController {
  constructor(
    private readonly shown: ShownExecutions,
    private readonly executions: Executions,
    private readonly requests: AwaitingRequests,
  ) {}

  @Get()
  @Needs('viewer')
  @ApiOperation({ summary: 'Executions, newest first' })
  @ApiQuery({ type: ExecutionsQuery })
  @Answers(pageShape(EXECUTION))
  list(@Query() given: GivenQuery) {
    return this.shown.list(queryOf(ExecutionsQuery, given));
  }

  @Get(':id')
  @Needs('viewer')
  @ApiOperation({ summary: 'One execution with all its attempts' })
  @Answers(EXECUTION)
  async get(@Param('id') id: string) {
    return this.shown.get(idOf(id));
  }

  @Get(':id/request')
  @Needs('viewer')
  @ApiOperation({
    summary: 'What one that waits for approval would send now, secrets masked; 409 when it waits for none',
  })
  @Answers(AWAITING_REQUEST)
  async request(@Param('id') id: string) {
    return this.requests.of(idOf(id));
  }

  @Post('retry')
  @Needs('operator')
  @HttpCode(200)
  @ApiBody({ type: ExecutionFilter, required: false })
  @ApiOperation({
    summary:
      'Retry all failed ones that match, up to 10,000 at a time; those that would scale otherwise than they say now are `changed`, and left to a person',
  })
  @Answers(RETRIED)
  async retryAll(@Body() body: unknown) {
    const { from, to, ...filter } = checked(ExecutionFilter, body ?? {});
    return this.executions.retryAll({ ...filter, from: momentOf(from), to: momentOf(to) });
  }

  @Post(':id/retry')
  @Needs('operator')
  @HttpCode(200)
  @ApiOperation({ summary: 'Try a failed, unknown or cancelled one again, with the same key' })
  @Answers(EXECUTION)
  async retry(@Param('id') id: string) {
    await this.executions.retry(idOf(id));
    return this.get(id);
  }

  @Post(':id/cancel')
  @Needs('operator')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel one that has not begun' })
  @Answers(EXECUTION)
  async cancel(@Param('id') id: string) {
    await this.executions.cancel(idOf(id));
    return this.get(id);
  }

  @Post(':id/approve')
  @Needs('approve')
  @HttpCode(200)
  @ApiBody({ type: Decision, required: false })
  @ApiOperation({
    summary:
      'Approve one that waits for it; 409 when the nodes have moved since: it says what it would do now, and is to be approved again',
  })
  @Answers(EXECUTION)
  async approve(@Param('id') id: string, @Body() body: unknown) {
    const { note } = checked(Decision, body ?? {});
    await this.executions.approve(idOf(id), note);
    return this.get(id);
  }

  @Post(':id/reject')
  @Needs('approve')
  @HttpCode(200)
  @ApiBody({ type: Decision, required: false })
  @ApiOperation({ summary: 'Reject one that waits for approval' })
  @Answers(EXECUTION)
  async reject(@Param('id') id: string, @Body() body: unknown) {
    const { note } = checked(Decision, body ?? {});
    await this.executions.reject(idOf(id), note);
    return this.get(id);
  }

  @Post(':id/resolve')
  @Needs('operator')
  @HttpCode(200)
  @ApiBody({ type: Resolution })
  @ApiOperation({ summary: 'Say what came of an unknown one, or of one that is held after a restore' })
  @Answers(EXECUTION)
  async resolve(@Param('id') id: string, @Body() body: unknown) {
    const { status, note } = checked(Resolution, body);
    await this.executions.resolve(idOf(id), status, note);
    return this.get(id);
  }
}
