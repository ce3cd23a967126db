import { Process, Processor } from '@nestjs/bull';
import { Inject, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Job } from 'bull';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkBeforeSending } from '../common/before-sending';
import { CLOCK, type Clock } from '../common/clock';
import { withDeadline } from '../common/deadline';
import { messageOf, Unavailable } from '../common/errors';
import { isObject } from '../common/json';
import { maskTexts } from '../common/secrets';
import { telemetry } from '../common/telemetry';
import { ifSampled, traced, type SpanOptions } from '../common/tracing';
import { CONFIG, type Config } from '../config/config';
import { SignOfLife } from '../database/sign-of-life';
import type { ClaimedExecution } from '../queue/claimed-execution';
import { LocalDispatch, type LocalExecutor } from '../queue/local-dispatch';
import type { ActionJob } from '../queue/jobs';
import { Rechecks } from '../queue/rechecks';
import {
  NotYet,
  Permanent,
  Retryable,
  Unreadable,
  type Action,
  type ActionContext,
  type Waiting,
} from './action';
import { ActionCache } from './action-cache';
import { backoffMs } from './backoff';
import { contradiction } from './capacity';
import { ApprovalLinks, type ApprovalLink } from './approval-links';
import { Claims } from './claims';
import { DoubtfulClaims } from './doubtful-claims';
import { excerptOf } from './excerpt';
import type { Ending } from './execution';
import { withoutOwnBody } from './execution-body';
import { Executions } from './executions';
import { renderedInTime } from './rendering';
import { assertTells } from './notice-executions';
import { gapMs, WaitingExecutions, type ClaimedWaiting, type Followed } from './waiting-executions';

const CONCURRENCY = 64;
/**
 * Time for which the end of an attempt is tried to be written while PostgreSQL is away, milliseconds: longer than a
 * failover takes. Writing late does no harm: an execution that another worker has taken over meanwhile stays his.
 */
const WRITE_MS = 600_000;
const A_DAY_SECONDS = 86_400;
/**
 * Longest gap between two questions to a target that answered `not_yet`, milliseconds: what ends by itself is asked
 * about more often than what a person has to approve.
 */
const NOT_YET_GAP_AT_MOST_MS = 15_000;
const NEVER = new AbortController().signal;

/** Action ready to be called. */
interface Call {
  strategy: Action;
  params: object;
  secrets: string[];
}

/**
 * Runs executions: claims them from the queue, calls their action, and writes the outcome of each attempt.
 *
 * An execution here is attempted (`run`), asked about at its target (`follow`), or recovered after its worker died
 * (`recover`). One worker at a time holds it, by its lease. Before anything is sent, the lease and this process's sign
 * of life are checked; an execution that was lost meanwhile is left to the new worker.
 */
@Processor('actions')
export class Executor implements LocalExecutor, BeforeApplicationShutdown {
  private readonly logger = new Logger('Actions');
  private readonly stopping = new AbortController();

  constructor(
    private readonly claims: Claims,
    private readonly doubts: DoubtfulClaims,
    private readonly executions: Executions,
    private readonly waiting: WaitingExecutions,
    private readonly book: ActionCache,
    private readonly rechecks: Rechecks,
    private readonly links: ApprovalLinks,
    private readonly life: SignOfLife,
    dispatch: LocalDispatch,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    life.begin();
    // What all services together may do in an hour is counted when an execution is claimed.
    if (!config.killSwitch && config.maxActionsPerHour === undefined) dispatch.offer(this);
  }

  get worker(): string | undefined {
    return this.life.isGood ? this.life.worker : undefined;
  }

  beforeApplicationShutdown(): void {
    // What is under way is finished; only waits between tries to write down an end are cut short.
    this.stopping.abort();
  }

  /**
   * Runs an execution that was claimed together with its decision. If its end can't be written, its lease expires and
   * another worker recovers it.
   */
  async execute(claimed: ClaimedExecution): Promise<void> {
    this.doubts.took(claimed.id);
    await this.run(claimed).catch((error) =>
      this.logger.warn(`what came of execution ${claimed.id} is not written down: ${messageOf(error)}`),
    );
  }

  /** Hears of executions that were written as begun, and nobody knows whether that was committed. */
  notBegun(ids: Iterable<string>): void {
    this.doubts.notBegun(ids);
  }

  @Process({ concurrency: CONCURRENCY })
  async process({ data }: Job<ActionJob>): Promise<void> {
    // Decisions go on, acts do not: what is queued waits until the switch is off again.
    if (this.config.killSwitch) return;
    // What is claimed by one who is taken for dead is taken from him at once.
    await this.life.good();
    const take = data.waiting ? (id: string) => this.ask(id) : (id: string) => this.take(id);
    // All of them end before the job does: a drain waits for the job.
    const ends = await Promise.allSettled(data.executions.map(take));
    const broken = ends.find((end) => end.status === 'rejected');
    if (broken !== undefined) throw broken.reason;
  }

  private async take(id: string): Promise<void> {
    const claimed = await this.claims.claim(id, this.life.worker);
    if (claimed !== undefined) return this.run(claimed);
    const lost = await this.claims.claimLost(id, this.life.worker);
    if (lost !== undefined) return this.recover(lost);
  }

  private async ask(id: string): Promise<void> {
    const waiting = await this.waiting.claim(id, this.life.worker);
    if (waiting !== undefined) return this.follow(waiting);
  }

  private run(taken: ClaimedExecution): Promise<void> {
    return this.doubts.withHeld(taken, () =>
      this.withSpan('execute', taken, (claimed) => this.runOnce(claimed)),
    );
  }

  /** Does some work with an execution, within a span of the trace that its decision belongs to. */
  private withSpan<C extends ClaimedExecution>(
    name: 'execute' | 'follow' | 'recover',
    claimed: C,
    work: (claimed: C) => Promise<void>,
  ): Promise<void> {
    return traced(
      name,
      () => spanOf(claimed),
      (span) => work(span === undefined ? claimed : { ...claimed, span }),
    );
  }

  private async runOnce(taken: ClaimedExecution): Promise<void> {
    let claimed = taken;
    let secrets: string[] = [];
    let request: object | undefined;
    let ending: Ending;
    try {
      claimed = await this.renewed(taken);
      const link = await this.links.for(claimed);
      if (link !== undefined) claimed = linked(claimed, link);
      const call = await this.prepare(claimed);
      // Who can read the history can't approve by it.
      secrets = link === undefined ? call.secrets : [...call.secrets, link.token];
      request = this.request(claimed, { ...call, secrets }, taken.variables);
      if (!(await this.isStillOurs(claimed))) return;
      ending = this.isForgotten(claimed, call) ? keyForgotten(claimed) : await this.attempt(claimed, call);
    } catch (error) {
      // It was never called: its params or secrets are not what they must be, or can't be had for now.
      ending =
        isForNow(error) || error instanceof Retryable
          ? this.again(claimed, 'retryable', messageOf(error))
          : failed('permanent', messageOf(error));
    }
    await this.finish(claimed, masked(ending, secrets, request));
  }

  /**
   * Tells whether this worker still holds the execution, after the process may have been stopped.
   *
   * @throws Unavailable
   */
  private async isStillOurs(claimed: ClaimedExecution): Promise<boolean> {
    if (this.life.isGood) return true;
    await this.life.good();
    const isOurs = await this.executions.isInHand(claimed);
    if (!isOurs) this.logger.warn(`execution ${claimed.id} was taken over before anything was sent`);
    return isOurs;
  }

  /**
   * Returns the execution with the number of nodes that is wanted now. After a recorded intent the number stays as it
   * was decided.
   */
  private async renewed(claimed: ClaimedExecution): Promise<ClaimedExecution> {
    const { id, variables, intended } = claimed;
    if (!isObject(variables.nodes) || (intended ?? undefined) !== undefined) return claimed;
    const nodes = await this.rechecks.renewed(id);
    return nodes === undefined ? claimed : { ...claimed, variables: { ...variables, nodes } };
  }

  /**
   * Makes the action of an execution ready to be called.
   *
   * @throws Error when it can't be: a mapping or a secret is missing, a template fails, or the action scales against
   * its rule
   */
  private async prepare(claimed: ClaimedExecution): Promise<Call> {
    const { id, actionId, actionVersion, variables } = claimed;
    assertTells(claimed);
    const { options, strategy, params, texts } = await this.book.open(actionId, actionVersion);
    const problem = contradiction(options, variables);
    if (problem !== undefined) throw new Permanent(problem);
    return {
      strategy,
      params: await renderedInTime(options.params, params, withExecution(variables, id)),
      secrets: texts,
    };
  }

  /**
   * Returns an excerpt of the request for the record of the attempt; undefined when it can't be made: then the attempt
   * itself fails and says why.
   *
   * @param stored variables of the execution as its row has them
   */
  private request(
    claimed: ClaimedExecution,
    { strategy, params, secrets }: Call,
    stored: Record<string, unknown>,
  ): object | undefined {
    try {
      const excerpt = excerptOf(strategy.preview(params, this.contextOf(claimed, NEVER)), secrets);
      return withoutOwnBody(excerpt, claimed.id, stored);
    } catch {
      return undefined;
    }
  }

  private async attempt(claimed: ClaimedExecution, call: Call): Promise<Ending> {
    const { strategy, params } = call;
    try {
      const { detail, waiting } = await this.within(claimed, (context) => {
        checkBeforeSending(context.signal, () => this.assertAlive());
        return strategy.execute(params, context);
      });
      if (waiting === undefined) return { status: 'succeeded', attempt: { outcome: 'succeeded', detail } };
      return this.waits(call, waiting, { outcome: 'accepted', detail });
    } catch (error) {
      if (error instanceof Permanent) return failed('permanent', messageOf(error));
      if (error instanceof NotYet) return this.later(claimed, error);
      if (error instanceof Retryable)
        return this.again(claimed, 'retryable', messageOf(error), error.retryAfterSeconds);
      const mayAsk = !(error instanceof Unreadable);
      return this.lostAnswer(claimed, call, 'ambiguous', messageOf(error), mayAsk);
    }
  }

  /**
   * Checks that this process still counts as alive.
   *
   * @throws Retryable
   */
  private assertAlive(): void {
    if (!this.life.isGood)
      throw new Retryable('this process was held up for so long that others may have taken it over');
  }

  /** Returns the end of an attempt that the target has accepted. */
  private waits({ strategy, params }: Call, facts: Waiting, attempt: Ending['attempt']): Ending {
    const now = this.clock.now().getTime();
    const until = new Date(now + (strategy.waitsAtMost?.(params) ?? A_DAY_SECONDS) * 1000);
    return { status: 'waiting', nextAttemptAt: new Date(now + gapMs(0)), waiting: { facts, until }, attempt };
  }

  /** Asks the target about the progress of what it accepted, and writes the answer. */
  private follow(taken: ClaimedWaiting): Promise<void> {
    return this.withSpan('follow', taken, (claimed) => this.followOnce(claimed));
  }

  private async followOnce(claimed: ClaimedWaiting): Promise<void> {
    const { followed, secrets } = await this.followed(claimed);
    const said = masked(followed, secrets);
    note(claimed, said);
    await this.untilWritten(claimed, () => this.waiting.note(claimed, said));
    if (said.status !== 'waiting') this.say(claimed, said.status, said.attempt);
  }

  private async followed(claimed: ClaimedWaiting): Promise<{ followed: Followed; secrets: string[] }> {
    let secrets: string[] = [];
    const { waiting, waitsUntil } = claimed;
    try {
      const { strategy, params, secrets: texts } = await this.prepare(claimed);
      secrets = texts;
      if (strategy.follow === undefined) throw new Permanent(`${claimed.type} does not say how it is asked`);
      const result = await this.within(claimed, (context) => strategy.follow!(params, waiting, context));
      if (result.waiting === undefined) {
        const attempt = { outcome: 'succeeded', detail: result.detail } as const;
        return { secrets, followed: { status: 'succeeded', waiting, attempt } };
      }
      if (this.clock.now() < waitsUntil) {
        const attempt = { outcome: 'accepted', detail: result.detail } as const;
        return { secrets, followed: { status: 'waiting', waiting: result.waiting, attempt } };
      }
      const error = 'the target accepted it and has not ended it in time';
      return { secrets, followed: { status: 'unknown', waiting, attempt: { outcome: 'lost', error } } };
    } catch (problem) {
      const error = messageOf(problem);
      if (problem instanceof Permanent) {
        return { secrets, followed: { status: 'failed', waiting, attempt: { outcome: 'permanent', error } } };
      }
      if (this.clock.now() < waitsUntil && !(problem instanceof Unreadable)) {
        const detail = `the target can't be asked for now: ${error}`;
        return {
          secrets,
          followed: { status: 'waiting', waiting, attempt: { outcome: 'accepted', detail } },
        };
      }
      return { secrets, followed: { status: 'unknown', waiting, attempt: { outcome: 'lost', error } } };
    }
  }

  /** Handles an execution whose worker died while it ran: an answer, if there was one, is lost. */
  private recover(taken: ClaimedExecution): Promise<void> {
    return this.doubts.withHeld(taken, () =>
      this.withSpan('recover', taken, (claimed) => this.recoverOnce(claimed)),
    );
  }

  private async recoverOnce(claimed: ClaimedExecution): Promise<void> {
    let ending: Ending;
    let secrets: string[] = [];
    try {
      const call = await this.prepare(claimed);
      secrets = call.secrets;
      ending = await this.lostAnswer(
        claimed,
        call,
        'lost',
        'the worker that ran it stopped before the end was known',
      );
    } catch (error) {
      if (isForNow(error)) {
        this.logger.warn(`execution ${claimed.id} can't be looked into now: ${messageOf(error)}`);
        return this.doubts.giveBack(claimed.id);
      }
      ending = { status: 'unknown', attempt: { outcome: 'lost', error: messageOf(error) } };
    }
    await this.finish(claimed, masked(ending, secrets));
  }

  /**
   * Decides what follows a lost answer. A retry, if the idempotency key makes it safe; else what the target says; else
   * `unknown`.
   */
  private async lostAnswer(
    claimed: ClaimedExecution,
    call: Call,
    outcome: 'ambiguous' | 'lost',
    error: string,
    mayAsk = true,
  ): Promise<Ending> {
    const isSafe = mayAsk && call.strategy.idempotent(call.params) && !this.isForgotten(claimed, call);
    if (isSafe) return this.again(claimed, outcome, error);
    const verdict = await this.verify(claimed, call);
    if (typeof verdict === 'object') {
      return this.waits(call, verdict.waiting, { outcome, error, detail: 'the target has it in hand' });
    }
    switch (verdict) {
      case 'succeeded':
        return {
          status: 'succeeded',
          attempt: { outcome, error, detail: 'the target says that it was done' },
        };
      case 'failed':
        return { status: 'failed', attempt: { outcome, error, detail: 'the target says that it failed' } };
      case 'not_done':
        return this.again(claimed, outcome, `${error}; the target says that it was not done`);
      case 'unknown':
        return { status: 'unknown', attempt: { outcome, error } };
    }
  }

  /** Tells whether the target may have forgotten the key since an answer was lost, so that a retry would act twice. */
  private isForgotten({ doubtfulSince }: ClaimedExecution, { strategy, params }: Call): boolean {
    const seconds = strategy.knowsKeySeconds?.(params);
    return seconds !== undefined && this.clock.now().getTime() > doubtfulSince.getTime() + seconds * 1000;
  }

  private async verify(claimed: ClaimedExecution, { strategy, params }: Call) {
    if (strategy.verify === undefined) return 'unknown';
    try {
      return await this.within(claimed, (context) => strategy.verify!(params, context));
    } catch (error) {
      this.logger.warn(`execution ${claimed.id}: the target can't be asked: ${messageOf(error)}`);
      return 'unknown';
    }
  }

  private again(
    claimed: ClaimedExecution,
    outcome: 'retryable' | 'ambiguous' | 'lost',
    error: string,
    retryAfterSeconds?: number,
  ): Ending {
    const { retry, waitsUntil } = claimed;
    const tries = claimed.tries - claimed.asked;
    if (tries >= retry.attempts) {
      const status = outcome === 'retryable' ? 'failed' : 'unknown';
      return { status, attempt: { outcome, error } };
    }
    const waitMs = backoffMs(retry, tries, retryAfterSeconds, Math.random());
    const nextAttemptAt = new Date(this.clock.now().getTime() + waitMs);
    return {
      status: 'queued',
      nextAttemptAt,
      notYetUntil: waitsUntil ?? undefined,
      attempt: { outcome, error },
    };
  }

  /**
   * Returns the end of an attempt that the target will take later. Such attempts do not count as tries, however many
   * there are.
   */
  private later({ asked, waitsUntil }: ClaimedExecution, { message, withinSeconds }: NotYet): Ending {
    const now = this.clock.now().getTime();
    const until = waitsUntil ?? new Date(now + withinSeconds * 1000);
    if (now >= until.getTime()) {
      const error = `${message}; it is not asked any more, for that has not ended in time`;
      return { status: 'failed', attempt: { outcome: 'not_yet', error } };
    }
    const gap = Math.min(gapMs(asked), NOT_YET_GAP_AT_MOST_MS, until.getTime() - now);
    const nextAttemptAt = new Date(now + gap);
    return {
      status: 'queued',
      nextAttemptAt,
      notYetUntil: until,
      attempt: { outcome: 'not_yet', error: message },
    };
  }

  /** Calls the mapping with the action's timeout. A call that is abandoned may have taken effect. */
  private within<T>(claimed: ClaimedExecution, call: (context: ActionContext) => Promise<T>): Promise<T> {
    return withDeadline(claimed.timeoutSeconds * 1000, (signal) => call(this.contextOf(claimed, signal)));
  }

  private contextOf(claimed: ClaimedExecution, signal: AbortSignal): ActionContext {
    const { id, timeoutSeconds, variables, intended, span } = claimed;
    const timeoutMs = timeoutSeconds * 1000;
    return {
      intend: (intent) => this.intend(claimed, intent),
      intended: intended ?? undefined,
      timeoutMs,
      now: this.clock.now(),
      executionId: id,
      variables: withExecution(variables, id),
      signal,
      traceparent: ifSampled(span?.traceparent),
    };
  }

  /**
   * Records what is about to be done.
   *
   * @throws Retryable when it can't be recorded, or another worker holds the execution: nothing has been done yet
   */
  private async intend(claimed: ClaimedExecution, intent: object): Promise<void> {
    const isOurs = await this.executions.intend(claimed, intent).catch((problem) => {
      throw new Retryable(`what was to be done can't be written down: ${messageOf(problem)}`);
    });
    if (!isOurs) throw new Retryable('another worker has it in hand by now');
  }

  private async finish(claimed: ClaimedExecution, given: Ending): Promise<void> {
    const ending = await this.doubted(claimed, given);
    note(claimed, ending);
    this.say(claimed, ending.status, ending.attempt);
    await this.untilWritten(claimed, () => this.executions.finish(claimed, ending));
  }

  /** Returns the end of an execution: tries that were surely not done say nothing of an earlier one without an answer. */
  private async doubted(claimed: ClaimedExecution, ending: Ending): Promise<Ending> {
    const { status, attempt } = ending;
    if (status !== 'failed' || attempt.outcome !== 'retryable' || claimed.tries < 2) return ending;
    if (!(await this.executions.hasLostAnswer(claimed.id).catch(() => true))) return ending;
    const error = `${attempt.error}; an earlier answer was lost, so it may have been done`;
    return { ...ending, status: 'unknown', attempt: { ...attempt, error } };
  }

  private say(
    claimed: ClaimedExecution,
    status: string,
    { outcome, error, detail }: Ending['attempt'],
  ): void {
    const { id: execution, type, service, action, tries: attempt } = claimed;
    telemetry.executions.inc({ type, outcome });
    const line = { execution, service, action, status, attempt, outcome, error, detail };
    if (error === undefined) this.logger.log({ msg: `${action} ${status}`, ...line });
    else this.logger.warn({ msg: `${action}: ${error}`, ...line });
  }

  /** Writes a result, again and again while PostgreSQL is away: the outcome of an attempt must not be lost. */
  private async untilWritten({ id }: ClaimedExecution, write: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + WRITE_MS;
    for (let tried = 1; ; tried++) {
      try {
        if (!(await write()))
          this.logger.warn(`execution ${id} was taken over before its end could be written down`);
        return;
      } catch (problem) {
        if (performance.now() > end || this.stopping.signal.aborted) throw problem;
        await sleep(Math.min(100 * 2 ** tried, 2_000), undefined, { signal: this.stopping.signal }).catch(
          () => undefined,
        );
      }
    }
  }
}

const failed = (outcome: 'permanent', error: string): Ending => ({
  status: 'failed',
  attempt: { outcome, error },
});

const keyForgotten = ({ doubtfulSince }: ClaimedExecution): Ending => ({
  status: 'unknown',
  attempt: {
    outcome: 'ambiguous',
    error: `an answer was lost at ${doubtfulSince.toISOString()}, and the target does not know its key any more`,
  },
});

/** Returns what a span says of an execution; its decision's span is kept in its variables. */
function spanOf({ id, type, action, service, tries, variables }: ClaimedExecution): SpanOptions {
  const { trace } = variables;
  return {
    kind: 'client',
    parent: isObject(trace) ? trace.parent : undefined,
    facts: {
      'monscale.execution.id': id,
      'monscale.action.type': type,
      'monscale.action.name': action,
      'monscale.service.name': service,
      'monscale.attempt': tries,
    },
  };
}

/** Notes in a span how an attempt ended. What the target said stays in the record of the attempt. */
function note({ span }: ClaimedExecution, { status, attempt: { outcome } }: Followed | Ending): void {
  span?.add({ 'monscale.execution.status': status, 'monscale.outcome': outcome });
  if (outcome !== 'succeeded' && outcome !== 'accepted') span?.fail(outcome);
}

/** Returns an execution whose templates see the link to what it asks for. */
const linked = (claimed: ClaimedExecution, { url }: ApprovalLink): ClaimedExecution => ({
  ...claimed,
  variables: { ...claimed.variables, execution: { id: claimed.id, approvalUrl: url } },
});

const withExecution = (variables: Record<string, unknown>, id: string) => ({
  execution: { id },
  ...variables,
});

/** Masks our credentials in the texts of an end. */
function masked<E extends Pick<Ending, 'attempt'>>(ending: E, secrets: string[], request?: object): E {
  const mask = (text?: string) => (text === undefined ? undefined : maskTexts(text, secrets).slice(0, 2_000));
  const { outcome, error, detail } = ending.attempt;
  return { ...ending, attempt: { outcome, request, error: mask(error), detail: mask(detail) } };
}

/** Tells whether an error only means that PostgreSQL is away, and nothing about the action. */
const isForNow = (error: unknown): boolean => error instanceof Unavailable;
