import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { KillSwitchModule } from '../kill-switch/kill-switch.module';
import { ActionCache } from './action-cache';
import { ActionRegistry } from './action-registry';
import { Actions } from './actions';
import { ApprovalLinks } from './approval-links';
import { AwaitingRequests } from './awaiting-requests';
import { Claims } from './claims';
import { DoubtfulClaims } from './doubtful-claims';
import { Executions } from './executions';
import { HeldExecutions } from './held-executions';
import { ACTION_MAPPINGS } from './mappings';
import { TestExecutions } from './test-executions';
import { WaitingExecutions } from './waiting-executions';

/** Module of actions and their executions. */
@Module({
  imports: [DiscoveryModule, KillSwitchModule],
  providers: [
    ...ACTION_MAPPINGS,
    ActionRegistry,
    ActionCache,
    Actions,
    ApprovalLinks,
    AwaitingRequests,
    Claims,
    DoubtfulClaims,
    Executions,
    HeldExecutions,
    TestExecutions,
    WaitingExecutions,
  ],
  exports: [
    ActionRegistry,
    ActionCache,
    Actions,
    ApprovalLinks,
    AwaitingRequests,
    Claims,
    DoubtfulClaims,
    Executions,
    HeldExecutions,
    TestExecutions,
    WaitingExecutions,
  ],
})
export class ActionsModule {}
