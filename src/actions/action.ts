import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../common/mapping-registry';

export { Ambiguous, NotYet, Permanent, Retryable, Unreadable } from '../targets/outcomes';

/**
 * Action mapping: how something is done at a target. For one execution it is called at most once at a time; the error
 * that it throws says whether a retry can help.
 *
 * Before the call the templates in its params are rendered and its secrets are texts.
 */
export interface Action<P = unknown> {
  execute(params: P, context: ActionContext): Promise<ActionResult>;

  /** Returns the request that `execute` would send, for `POST /actions/:id/test`; the caller masks secrets. */
  preview(params: P, context: ActionContext): object;

  /**
   * Tells whether the target performs an execution once, however often it is asked. If so, an attempt whose answer was
   * lost is retried with the same key; otherwise its outcome can't be known and the execution ends `unknown`.
   */
  idempotent(params: P): boolean;

  /**
   * Returns for how long an idempotent target remembers a key, seconds; without it, for good. After that time a retry
   * is not safe.
   */
  knowsKeySeconds?(params: P): number | undefined;

  /**
   * Asks the target about the progress of what it accepted: returns `waiting` again, or the end. Called at growing
   * intervals. After a Retryable it is called again; a Permanent ends the execution as failed, an Unreadable as unknown.
   *
   * @param waiting what `execute` or the last `follow` returned
   */
  follow?(params: P, waiting: Waiting, context: ActionContext): Promise<ActionResult>;

  /** Returns for how long it may wait, seconds; after that its end is `unknown`. Default: a day. */
  waitsAtMost?(params: P): number;

  /**
   * Asks the target what became of an execution whose answer was lost. If the target is still working on it, it is
   * followed.
   */
  verify?(params: P, context: ActionContext): Promise<Verdict>;

  /**
   * Returns where its requests go, as `host[:port]`: several actions may share a limit there. Undefined when it asks no
   * target, or when a template decides which.
   *
   * @param params as they are stored: templates are not rendered, secrets are texts
   */
  target?(params: P): string | undefined;
}

export interface ActionContext {
  /** Signal that aborts at the action's timeout and when the program stops. */
  signal: AbortSignal;
  timeoutMs: number;
  /** Moment at which this call began. */
  now: Date;
  /** Id of the execution, which is the idempotency key: the same at every attempt. */
  executionId: string;
  /** Variables of templates: service, infrastructure, trigger, values, nodes, execution. */
  variables: Record<string, unknown>;
  /**
   * Records what is about to be done, before it is done. For requests that depend on the target's state: made again
   * later they would do something else. Absent in tests by people.
   *
   * @throws Retryable when it can't be recorded: then nothing may be done
   */
  intend?: (intent: object) => Promise<void>;
  /** Recorded intent of an earlier attempt whose outcome is not known. */
  intended?: unknown;
  /** Header `traceparent` for targets that take one; undefined where nothing is traced. */
  traceparent?: string;
}

export type Verdict = 'succeeded' | 'failed' | 'not_done' | 'unknown' | { waiting: Waiting };

/** Facts needed to ask about what a target accepted. JSON without secrets, kept in the execution. */
export type Waiting = Readonly<Record<string, unknown>>;

export interface ActionResult {
  /** Present when the target has accepted it and its end is not known yet; absent when it is done. */
  waiting?: Waiting;
  /** Answer of the target, in short, for the person who reads the attempt. */
  detail?: string;
}

export interface ActionMappingOptions extends MappingOptions {
  /**
   * Effect on a number of nodes. A mapping that `sets` the number which a target keeps uses `capacity.ts`, and has its
   * row in `mappings/capacity.conformance.spec.ts`. Rules that scale up never ask an action that `removes`, rules that
   * scale down never one that `adds`.
   */
  capacity: 'sets' | 'adds' | 'removes' | 'none';
}

/** Decorator of action mappings; list the class in `actions/mappings/index.ts`. */
export const ActionMapping = DiscoveryService.createDecorator<ActionMappingOptions>();
