import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { LONG_BODY } from '../api/raw-body';
import { Needs } from '../auth/access';
import { ChangesNothing } from '../common/changes-nothing';
import { RouteConfig } from '../common/route-config';
import { SimulationDto } from './simulation.dto';
import { Simulations } from './simulations';

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
  run(@Body() body: unknown) {
    return this.simulations.run(body);
  }
}
