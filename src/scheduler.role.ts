import { ExecutionSweep } from './actions/execution-sweep';
import { AlertSweep } from './alerts/alert-sweep';
import { SilentSources } from './alerts/silent-sources';
import { AuditRetention } from './audit/audit-retention';
import { ContactSweep } from './contacts/contact-sweep';
import { StateMetrics } from './health/state-metrics';
import { Retention } from './history/retention';
import { RollUps } from './history/roll-ups';
import { LoadBalancerSweep } from './load-balancers/load-balancer-sweep';
import { PollScheduler } from './polling/poll-scheduler';
import { MomentsAheadSweep } from './rules/moments-ahead-sweep';
import { UnpolledSweep } from './rules/unpolled-sweep';
import { RulesDirectory } from './rules-directory/rules-directory';
import { SilenceSweep } from './silences/silence-sweep';
import type { RoleParts } from './role-parts';

/**
 * What the role `scheduler` runs: says what is due; puts back what Redis lost; notices silence; makes and drops
 * partitions; rolls samples up; applies rules from files.
 */
export const scheduler: RoleParts = {
  runs: [
    PollScheduler,
    UnpolledSweep,
    MomentsAheadSweep,
    AlertSweep,
    SilentSources,
    ExecutionSweep,
    LoadBalancerSweep,
    RollUps,
    Retention,
    AuditRetention,
    SilenceSweep,
    ContactSweep,
    StateMetrics,
    RulesDirectory,
  ],
};
