import type { Type } from '@nestjs/common';
import { ActionsAhead } from './actions/actions-ahead';
import { Executor } from './actions/executor';
import type { QueueName } from './config/config';
import { LoadBalancerSync } from './load-balancers/load-balancer-sync';
import type { RoleParts } from './role-parts';
import { AlertsProcessor } from './rules/alerts.processor';
import { PollsProcessor } from './rules/polls.processor';
import { Rehearsal } from './rules/rehearsal';
import { RulesAhead } from './rules/rules-ahead';

/** Processors of each queue. */
const SERVES: Record<QueueName, Type[]> = {
  // Read metrics, evaluate.
  polls: [PollsProcessor],
  // Match alerts, evaluate.
  alerts: [AlertsProcessor, RulesAhead, Rehearsal],
  // Execute, verify; make load balancers follow.
  actions: [Executor, ActionsAhead, LoadBalancerSync],
};

/** Returns what the role `worker` runs for the queues it serves. */
export const worker = (queues: readonly QueueName[]): RoleParts => ({
  runs: queues.flatMap((queue) => SERVES[queue]),
});
