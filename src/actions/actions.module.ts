import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { KillSwitchModule } from '../kill-switch/kill-switch.module';
import { ActionRegistry } from './action-registry';
import { Actions } from './actions';
import { Executions } from './executions';
import { ACTION_MAPPINGS } from './mappings';

/** What can be done, and what is being done. */
@Module({
  imports: [DiscoveryModule, KillSwitchModule],
  providers: [...ACTION_MAPPINGS, ActionRegistry, Actions, Executions],
  exports: [ActionRegistry, Actions, Executions],
})
export class ActionsModule {}
