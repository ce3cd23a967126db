import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { withDeadline } from '../common/deadline';
import { Conflict, messageOf } from '../common/errors';
import { newId } from '../common/ids';
import { maskTexts } from '../common/secrets';
import { KillSwitch } from '../kill-switch/kill-switch';
import { Permanent, Retryable, type Action, type ActionContext } from './action';
import { ActionBook } from './action-book';
import { Actions } from './actions';
import { masked } from './excerpt';
import type { AttemptOutcome } from './execution';
import { rendered } from './rendering';
import { gapMs } from './waiting-executions';

/** What an action would send, and what came of sending it. */
export interface TestAnswer {
  dryRun: boolean;
  /** As it would be sent, secrets masked; absent when it can't be made. */
  request?: object;
  outcome?: AttemptOutcome;
  error?: string;
  detail?: string;
}

const ALERT = {
  labels: { alertname: 'Test', instance: 'test' },
  annotations: { summary: 'a test by a person' },
  value: 1,
  source: 'test',
  at: '1970-01-01T00:00:00.000Z',
};

/** What templates see when nothing has triggered. */
const SAMPLE = {
  service: { id: '', name: 'test', description: '', labels: {} },
  infrastructure: { id: '', name: 'test', labels: {}, minNodes: 1, maxNodes: 8 },
  trigger: { id: '', at: '', reason: 'triggered', justification: 'a test by a person' },
  values: {},
  nodes: { current: 1, desired: 2, delta: 1, direction: 'up' },
  alerts: [ALERT],
  alertsTotal: 1,
  alert: ALERT,
};

/** Actions tried by a person: one attempt, waited for, that makes no execution. */
@Injectable()
export class ActionTests {
  constructor(
    private readonly actions: Actions,
    private readonly book: ActionBook,
    private readonly killSwitch: KillSwitch,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws Conflict when it would act under the kill switch */
  async run(reference: string, dryRun: boolean, given: Record<string, unknown>): Promise<TestAnswer> {
    const { id, version, timeoutSeconds } = await this.actions.store.get(reference);
    if (!dryRun && (await this.killSwitch.isOn())) {
      throw new Conflict('the kill switch is on: nothing is executed');
    }
    const now = this.clock.now();
    const executionId = newId();
    const trigger = { ...SAMPLE.trigger, at: now.toISOString() };
    const variables = { ...SAMPLE, trigger, ...given, execution: { id: executionId } };
    let texts: string[] = [];
    try {
      const { options, strategy, ...opened } = await this.book.open(id, version);
      texts = opened.texts;
      const params = rendered(options.params, opened.params, variables);
      const context = { timeoutMs: timeoutSeconds * 1000, now, executionId, variables };
      const previewing = { ...context, signal: new AbortController().signal };
      const request = masked(strategy.preview(params, previewing), texts) as object;
      if (dryRun) return { dryRun, request };
      return { dryRun, request, ...(masked(await attempt(strategy, params, context), texts) as object) };
    } catch (error) {
      // It can't be made: a template that fails, a secret that is not there.
      return { dryRun, outcome: 'permanent', error: maskTexts(messageOf(error), texts) };
    }
  }
}

async function attempt(strategy: Action, params: object, context: Omit<ActionContext, 'signal'>) {
  const end = performance.now() + context.timeoutMs;
  try {
    let result = await withDeadline(context.timeoutMs, (signal) =>
      strategy.execute(params, { ...context, signal }),
    );
    // Nobody asks after it later: what its target accepts is waited for here, as long as the action may take.
    for (let asked = 0; result.waiting && strategy.follow; asked++) {
      const leftMs = end - performance.now() - gapMs(asked);
      if (leftMs <= 0) {
        const detail = `${result.detail ?? 'accepted'}; it goes on at the target, and nobody asks after it`;
        return { outcome: 'accepted', detail };
      }
      await sleep(gapMs(asked));
      const { waiting } = result;
      const now = new Date(context.now.getTime() + context.timeoutMs - leftMs);
      result = await withDeadline(leftMs, (signal) =>
        strategy.follow!(params, waiting, { ...context, now, signal }),
      );
    }
    return { outcome: 'succeeded', detail: result.detail };
  } catch (error) {
    const outcome =
      error instanceof Permanent ? 'permanent' : error instanceof Retryable ? 'retryable' : 'ambiguous';
    return { outcome, error: messageOf(error) };
  }
}
