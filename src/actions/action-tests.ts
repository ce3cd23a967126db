import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { newId } from '../common/ids';
import { maskTexts } from '../common/secrets';
import { Audit } from '../database/audit';
import type { ActionRow } from '../database/entities';
import { Permanent, Retryable, type Action, type ActionContext } from './action';
import { ActionCache } from './action-cache';
import { Actions } from './actions';
import { excerptOf, masked } from './excerpt';
import type { AttemptOutcome } from './execution';
import { renderedInTime } from './rendering';
import { TestExecutions, type TestEnd } from './test-executions';
import { gapMs } from './waiting-executions';

/** Result of a test: the request, and the outcome of sending it. */
export interface TestAnswer {
  dryRun: boolean;
  /** Id of the execution that records the test; absent in a dry run. */
  execution?: string;
  /** Request as it would be sent, secrets masked; absent when it can't be made. */
  request?: object;
  outcome?: AttemptOutcome;
  error?: string;
  detail?: string;
}

const TEXT_AT_MOST = 2_000;

const ALERT = {
  labels: { alertname: 'Test', instance: 'test' },
  annotations: { summary: 'a test by a person' },
  value: 1,
  source: 'test',
  at: '1970-01-01T00:00:00.000Z',
};

/** Variables of templates in a test, where there is no trigger. */
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

/** Stands for the link in a test, where nothing waits for approval. */
const SAMPLE_LINK = 'https://monscale.example/approve/test';

type Prepared =
  | { request: object; texts: readonly string[]; send: () => Promise<TestEnd> }
  /** Test whose request can't be made: a template fails, or a secret is missing. */
  | { request?: undefined; texts: readonly string[]; wrong: TestEnd };

/**
 * Tests of actions by people. A test is an execution of kind `test` with one attempt; the caller waits for its end, and
 * it is never retried.
 */
@Injectable()
export class ActionTests {
  private readonly logger = new Logger('Actions');

  constructor(
    private readonly actions: Actions,
    private readonly book: ActionCache,
    private readonly tests: TestExecutions,
    private readonly audit: Audit,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Tests an action, or only shows its request.
   *
   * @param by who asks for it, in words
   * @throws Conflict when it may not act: the kill switch is on, or a limit is reached
   */
  async run(
    reference: string,
    dryRun: boolean,
    given: Record<string, unknown>,
    by: string,
  ): Promise<TestAnswer> {
    const action = await this.actions.store.get(reference);
    const id = newId();
    const prepared = await this.prepare(action, id, given);
    const { request, texts } = prepared;
    const wrong = 'wrong' in prepared ? prepared.wrong : undefined;
    if (dryRun) {
      const object = { type: 'action', id: action.id, name: action.name };
      await this.audit.note({ action: 'test', object, detail: { dryRun } });
      return { dryRun, request, ...wrong };
    }
    // Written down before anything is sent: whatever happens then, the history says that it began.
    const excerpt = request && excerptOf(request, texts);
    await this.tests.begin({ id, actionId: action.id, by, request: excerpt });
    const end = 'send' in prepared ? toldOf(await prepared.send(), texts) : wrong!;
    await this.writeDown(id, action.name, end);
    return { dryRun, execution: id, request, ...end };
  }

  private async prepare(
    { id, version, timeoutSeconds }: Pick<ActionRow, 'id' | 'version' | 'timeoutSeconds'>,
    executionId: string,
    given: Record<string, unknown>,
  ): Promise<Prepared> {
    const now = this.clock.now();
    const trigger = { ...SAMPLE.trigger, at: now.toISOString() };
    const variables = {
      ...SAMPLE,
      trigger,
      ...given,
      execution: { id: executionId, approvalUrl: SAMPLE_LINK },
    };
    let texts: string[] = [];
    try {
      const { options, strategy, ...opened } = await this.book.open(id, version);
      texts = opened.texts;
      const params = await renderedInTime(options.params, opened.params, variables);
      const context = { timeoutMs: timeoutSeconds * 1000, now, executionId, variables };
      const previewing = { ...context, signal: new AbortController().signal };
      const request = masked(strategy.preview(params, previewing), texts) as object;
      return { request, texts, send: () => attempt(strategy, params, context) };
    } catch (error) {
      const wrong = { outcome: outcomeOf(error, 'permanent'), error: maskTexts(messageOf(error), texts) };
      return { texts, wrong };
    }
  }

  /**
   * Records the end of a test. If that fails, it is logged and the caller gets the result all the same; the execution
   * becomes `unknown` in time.
   */
  private async writeDown(id: string, action: string, end: TestEnd): Promise<void> {
    this.logger.log({ msg: `${action}: tested by a person`, execution: id, action, ...end });
    await this.tests
      .finish(id, end)
      .catch((problem) =>
        this.logger.warn(`what came of the test ${id} is not written down: ${messageOf(problem)}`),
      );
  }
}

/** Masks our credentials in what the target answered, and shortens it. */
function toldOf({ outcome, error, detail }: TestEnd, texts: readonly string[]): TestEnd {
  const told = (text?: string) => text && maskTexts(text, texts).slice(0, TEXT_AT_MOST);
  return { outcome, error: told(error), detail: told(detail) };
}

function outcomeOf(error: unknown, otherwise: 'permanent' | 'ambiguous'): AttemptOutcome {
  if (error instanceof Permanent) return 'permanent';
  return error instanceof Retryable ? 'retryable' : otherwise;
}

async function attempt(
  strategy: Action,
  params: object,
  context: Omit<ActionContext, 'signal'>,
): Promise<TestEnd> {
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
    return { outcome: outcomeOf(error, 'ambiguous'), error: messageOf(error) };
  }
}
