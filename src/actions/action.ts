import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../common/mapping-registry';

export { Ambiguous, NotYet, Permanent, Retryable, Unreadable } from '../targets/outcomes';

/**
 * An action mapping: how something is done at a target. It is called at most once at a time for an execution and
 * says by the error it throws whether trying again can help.
 *
 * By the time it is called the templates of its params are rendered and its secrets are texts.
 */
export interface Action<P = unknown> {
  execute(params: P, context: ActionContext): Promise<ActionResult>;

  /** The request `execute` would send, for `POST /actions/:id/test`; secrets are masked by the caller. */
  preview(params: P, context: ActionContext): object;

  /**
   * True when the target makes the same execution happen once however often it is asked. A lost answer is then
   * tried again with the same key; otherwise nobody can tell and the execution ends `unknown`.
   */
  idempotent(params: P): boolean;

  /** How long an idempotent target knows a key, in seconds; without it for good. After that nobody can tell. */
  knowsKeySeconds?(params: P): number | undefined;

  /**
   * Asks the target how far it is with what it accepted: `waiting` again, or its end. Asked with growing gaps; a
   * Retryable is asked again, a Permanent is the target's own end of it.
   *
   * @param waiting what `execute` or the last `follow` answered
   */
  follow?(params: P, waiting: Waiting, context: ActionContext): Promise<ActionResult>;

  /** How long it may wait, in seconds; after that its end is unknown. By default a day. */
  waitsAtMost?(params: P): number;

  /** Asks the target what became of an execution whose answer was lost. What it has in hand is followed. */
  verify?(params: P, context: ActionContext): Promise<Verdict>;

  /**
   * Where its requests go to, as `host[:port]`: what several actions may share a limit for. Undefined where nothing is
   * asked, or a template decides it.
   *
   * @param params as they are stored: templates are not rendered, secrets are texts
   */
  target?(params: P): string | undefined;
}

export interface ActionContext {
  /** Aborts at the action's timeout, and when the program stops. */
  signal: AbortSignal;
  timeoutMs: number;
  /** When this call began. */
  now: Date;
  /** The execution's id: the idempotency key, the same at every attempt. */
  executionId: string;
  /** What templates see: service, infrastructure, trigger, values, nodes, execution. */
  variables: Record<string, unknown>;
  /**
   * Writes down what is about to be done, before it is. For what is made of the target's state and would be another deed
   * when it is made of it again. Absent where no execution is: in tests by a person.
   *
   * @throws Retryable when it can't be written down: then it must not be done
   */
  intend?: (intent: object) => Promise<void>;
  /** What a try that came before has written down so, when nobody can tell whether it was done. */
  intended?: unknown;
}

export type Verdict = 'succeeded' | 'failed' | 'not_done' | 'unknown' | { waiting: Waiting };

/** What is needed to ask after what a target accepted. JSON, kept in the execution: no secrets. */
export type Waiting = Readonly<Record<string, unknown>>;

export interface ActionResult {
  /** The target accepted it and its end is not known yet; without this it is done. */
  waiting?: Waiting;
  /** What the target answered, in short, for the person who reads the attempt. */
  detail?: string;
}

export interface ActionMappingOptions extends MappingOptions {
  /**
   * What it does to a number of nodes. One that `sets` the number that a target keeps of its own goes by `capacity.ts`
   * and has its row in `mappings/capacity.conformance.spec.ts`. Rules that scale up ask none that `removes`, rules that
   * scale down none that `adds`.
   */
  capacity: 'sets' | 'adds' | 'removes' | 'none';
}

/** Marks a class as an action mapping; list it in `actions/mappings/index.ts`. */
export const ActionMapping = DiscoveryService.createDecorator<ActionMappingOptions>();
