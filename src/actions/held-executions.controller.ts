import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Needs } from '../auth/access';
import { checked } from '../common/check';
import { InvalidInput } from '../common/errors';
import { Flag, TextList } from '../common/fields';
import { isId } from '../common/ids';
import { Answers, flag, list, moment, object, oneOf, shape, text, uuid, whole } from '../common/shapes';
import { HeldExecutions } from './held-executions';

class ResumeDto {
  @TextList({ description: 'Ids of those that go on; all that are held by default', optional: true })
  executions?: string[];

  @Flag({ description: 'True: say what would go on, and change nothing' })
  dryRun: boolean = false;
}

const RESUMPTION = shape(
  'Resumption',
  object({
    dryRun: flag,
    total: whole,
    resumed: whole,
    changed: list(object({ id: uuid, detail: text })),
    items: list(
      object(
        {
          id: uuid,
          kind: oneOf(['trigger', 'test', 'approval', 'notice']),
          action: text,
          createdAt: moment,
          was: oneOf(['queued', 'running', 'waiting', 'awaiting_approval']),
          means: text,
          held: text,
        },
        { service: text },
      ),
    ),
  }),
);

/** Route for executions that are held after the database was restored. */
@ApiTags('executions')
@ApiBearerAuth()
@Controller('api/v1/executions')
export class HeldExecutionsController {
  constructor(private readonly held: HeldExecutions) {}

  @Post('resume')
  @Needs('operator')
  @HttpCode(200)
  @ApiBody({ type: ResumeDto, required: false })
  @ApiOperation({
    summary:
      'Let executions go on that are held since the database was restored, up to 10,000 at a time; those that would scale otherwise than they say are `changed`, and stay held',
  })
  @Answers(RESUMPTION)
  async resume(@Body() body: unknown) {
    const { executions, dryRun } = checked(ResumeDto, body ?? {});
    const wrong = (executions ?? []).findIndex((id) => !isId(id));
    if (wrong >= 0)
      throw new InvalidInput([{ pointer: `/executions/${wrong}`, detail: 'must be the id of an execution' }]);
    return dryRun ? this.held.look({ executions }) : this.held.resume({ executions });
  }
}
