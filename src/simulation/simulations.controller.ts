import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { LONG_BODY } from '../api/raw-body';
import { Needs } from '../auth/access';
import { ChangesNothing } from '../common/changes-nothing';
import { RouteConfig } from '../common/route-config';
import { SimulationDto } from './simulation.dto';
import { Simulations } from './simulations';
import {
  Answers,
  decimal,
  either,
  list,
  moment,
  object,
  oneOf,
  shape,
  someObject,
  whole,
} from '../common/shapes';
import { PHASES, REASONS } from '../engine/types';

/** A moment, or seconds from the beginning, as the numbers were given. */
const TIME = either(moment, decimal);
const TRIGGER = object(
  { at: TIME, values: someObject },
  { nodes: object({ current: decimal, desired: decimal, delta: decimal }) },
);
const SUMMARY = object({
  triggers: whole,
  escalations: whole,
  secondsInAlarm: decimal,
  secondsAtLimit: decimal,
  secondsMissing: decimal,
  transitions: whole,
});
const SIMULATION = shape(
  'Simulation',
  object(
    {
      triggers: list(TRIGGER),
      timeline: list(object({ from: TIME, to: TIME, phase: oneOf(PHASES), reason: oneOf(REASONS) })),
      summary: SUMMARY,
    },
    {
      comparison: object({
        gained: list(TRIGGER),
        lost: list(TRIGGER),
        difference: SUMMARY,
        summary: SUMMARY,
      }),
    },
  ),
);

/** Simulations of rules, over HTTP. */
@ApiTags('simulations')
@ApiBearerAuth()
@Controller('api/v1/simulations')
export class SimulationsController {
  constructor(private readonly simulations: Simulations) {}

  @Post()
  @Needs('viewer')
  @ChangesNothing()
  @HttpCode(200)
  @RouteConfig(LONG_BODY)
  @ApiBody({ type: SimulationDto })
  @ApiOperation({
    summary: 'Try a rule on given numbers or on what was recorded; nothing is written, nothing acts',
  })
  @Answers(SIMULATION)
  run(@Body() body: unknown) {
    return this.simulations.run(body);
  }
}
