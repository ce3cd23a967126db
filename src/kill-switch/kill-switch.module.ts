import { Module } from '@nestjs/common';
import { KillSwitch } from './kill-switch';

/** Module of the kill switch. */
@Module({ providers: [KillSwitch], exports: [KillSwitch] })
export class KillSwitchModule {}
