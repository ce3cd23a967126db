import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { demand, Needs, NeedsWhole } from '../auth/access';
import { checked } from '../common/check';
import { Flag, Text } from '../common/fields';
import { KILL_SWITCH, KillSwitch } from './kill-switch';
import { Answers } from '../common/shapes';

class KillSwitchDto {
  @Flag({ description: 'True: decisions are taken and recorded, nothing is executed' })
  on: boolean;

  @Text({ description: 'Why, for whoever finds it on', maxLength: 1_000 })
  reason: string = '';
}

/** HTTP API of the kill switch. */
@ApiTags('kill switch')
@ApiBearerAuth()
@Controller('api/v1/kill-switch')
export class KillSwitchController {
  constructor(private readonly killSwitch: KillSwitch) {}

  @Get()
  @Needs('viewer')
  @ApiOperation({ summary: 'Is it on, by whom, and why' })
  @Answers(KILL_SWITCH)
  get() {
    return this.killSwitch.show();
  }

  @Put()
  @NeedsWhole('operator')
  @ApiBody({ type: KillSwitchDto })
  @ApiOperation({
    summary: 'Turn it on, or off, which needs the right admin; 409 when the environment holds it on',
  })
  @Answers(KILL_SWITCH)
  set(@Body() body: unknown) {
    const { on, reason } = checked(KillSwitchDto, body);
    if (!on) demand('admin');
    return this.killSwitch.set(on, reason);
  }
}
