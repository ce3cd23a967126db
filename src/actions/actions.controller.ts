import { Body, Controller, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import { ApiBody, ApiOperation } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { definitionController } from '../api/definition.controller';
import { Needs } from '../auth/access';
import { nameOf } from '../auth/auth';
import { checked } from '../common/check';
import { Any, Flag } from '../common/fields';
import { ActionDto, ActionsQuery } from './action.dto';
import { ActionTests } from './action-tests';
import { Actions } from './actions';
import { Answers, flag, MANAGED, object, shape, someObject, text, uuid } from '../common/shapes';

class ActionTestDto {
  @Flag({ description: 'True: only shows the request; false: one attempt is made and waited for' })
  dryRun = true;

  @Any(
    {
      description:
        'What templates see, in place of the sample: service, infrastructure, trigger, values, nodes',
      example: { nodes: { current: 2, desired: 3, delta: 1 } },
    },
    { type: 'object' },
    (value) => (typeof value === 'object' && !Array.isArray(value) ? undefined : 'must be an object'),
  )
  variables: object = {};
}

const TEST_ANSWER = shape(
  'ActionTestAnswer',
  object(
    { dryRun: flag },
    { execution: uuid, request: someObject, outcome: text, error: text, detail: text },
  ),
);

@Controller('api/v1/actions')
export class ActionsController extends definitionController(
  'actions',
  ActionDto,
  Actions,
  ActionsQuery,
  { reads: Needs('viewer'), writes: Needs('editor') },
  { optional: MANAGED },
) {
  @Inject(ActionTests) private readonly tests: ActionTests;

  @Post(':ref/test')
  @Needs('editor')
  @HttpCode(200)
  @ApiBody({ type: ActionTestDto, required: false })
  @ApiOperation({
    summary:
      'Show the rendered request, secrets masked, or try it once: an execution of kind test; 409 under the kill switch and where a limit leaves no room',
  })
  @Answers(TEST_ANSWER)
  test(@Param('ref') reference: string, @Body() body: unknown, @Req() request: FastifyRequest) {
    const { dryRun, variables } = checked(ActionTestDto, body ?? {});
    return this.tests.run(reference, dryRun, variables as Record<string, unknown>, nameOf(request));
  }
}
