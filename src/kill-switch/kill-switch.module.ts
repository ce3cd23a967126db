import { Module } from '@nestjs/common';
import { KillSwitch } from './kill-switch';

/** What stops everything from acting. */
@Module({ providers: [KillSwitch], exports: [KillSwitch] })
export class KillSwitchModule {}
