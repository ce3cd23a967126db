/** State of CloudForms requests, over either API: people approve them, then CloudForms works them off. */
import { idOf, restCall, wordOf, type Json } from '../../targets/cloudforms/rest';
import { soapCall } from '../../targets/cloudforms/soap';
import { textOf, type SoapNode } from '../../targets/cloudforms/soap-answer';
import { Gone, told, type Api, type Target } from '../../targets/cloudforms/target';
import {
  Permanent,
  Retryable,
  Unreadable,
  type ActionContext,
  type ActionResult,
  type Waiting,
} from '../action';

/** Key under which a request carries the execution's id. */
export const EXECUTION = 'monscale_execution';
const DAY_SECONDS = 86_400;
const APPROVAL_DAYS = 7;

/** State of a request. Source: ManageIQ `miq_request.rb`. */
export interface RequestState {
  id: string;
  /** pending_approval, approved or denied. */
  approval: string;
  /** pending, queued, active, … or finished. */
  state: string;
  /** Ok, Warn, Error, Timeout or Denied. */
  status: string;
  message: string;
  /** Execution that it was made for, where CloudForms tells: over REST. */
  execution?: string;
}

export type RequestKind = 'provision' | 'automation';

const OPERATIONS = { provision: 'GetVmProvisionRequest', automation: 'GetAutomationRequest' };
const COLLECTIONS = { provision: '/api/provision_requests', automation: '/api/automation_requests' };

/**
 * Reads the state of an execution's request.
 *
 * @throws Retryable for any failure of the question
 * @throws Unreadable when there is no such request any more, or not for us, or its id is another's by now: what came of
 * it can't be told
 */
export async function readRequest(
  target: Target,
  api: Api,
  kind: RequestKind,
  id: string,
  { executionId, signal }: Pick<ActionContext, 'executionId' | 'signal'>,
): Promise<RequestState> {
  const state = await asking(() => askState(target, api, kind, id, signal)).catch((error: Error) => {
    throw error instanceof Gone ? new Unreadable(`${error.message}; what came of it can't be told`) : error;
  });
  if (state.state === '') throw new Retryable(`request ${id} was answered, but not as CloudForms does`);
  if ((state.execution ?? executionId) !== executionId)
    throw new Unreadable(`request ${id} is another's by now; what came of ours can't be told`);
  return { ...state, id, message: told(state.message, target) };
}

async function askState(target: Target, api: Api, kind: RequestKind, id: string, signal: AbortSignal) {
  if (api === 'soap')
    return stateInSoap(await soapCall(target, OPERATIONS[kind], { requestId: id }, 'question', signal));
  const path = `${COLLECTIONS[kind]}/${encodeURIComponent(id)}`;
  return stateInJson(await restCall(target, path, undefined, 'question', signal));
}

/**
 * Runs a question and turns any Permanent but Gone into a Retryable: an accepted request goes on at the target even if
 * it can't be asked about.
 */
export async function asking<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Permanent && !(error instanceof Gone)) throw new Retryable(error.message);
    throw error;
  }
}

export const stateInSoap = (node: SoapNode): RequestState => ({
  id: textOf(node, 'id') ?? '',
  approval: textOf(node, 'approval_state') ?? '',
  state: textOf(node, 'request_state') ?? '',
  status: textOf(node, 'status') ?? '',
  message: textOf(node, 'message') ?? '',
});

export function stateInJson(json: Json): RequestState {
  const { ws_values: values } = Object(json.options) as { ws_values?: unknown };
  const { [EXECUTION]: execution } = Object(values) as Json;
  return {
    id: idOf(json) ?? '',
    approval: wordOf(json, 'approval_state'),
    state: wordOf(json, 'request_state'),
    status: wordOf(json, 'status'),
    message: wordOf(json, 'message'),
    ...(typeof execution === 'string' ? { execution } : {}),
  };
}

export type Progress = 'waiting' | 'done' | 'denied' | 'failed';

export function progressOf({ approval, state, status }: RequestState): Progress {
  if (approval === 'denied' || status === 'Denied') return 'denied';
  if (state !== 'finished') return 'waiting';
  return status === 'Ok' ? 'done' : 'failed';
}

/** Returns a request as a sentence: "request 7 waits for approval". */
export function sentenceOf(state: RequestState, of = ''): string {
  const { id, approval, status, message } = state;
  const request = `request ${id}${of}`;
  const why = message && `: ${message}`;
  switch (progressOf(state)) {
    case 'denied':
      return `${request} was denied${why}`;
    case 'failed':
      return `${request} ended with ${status || 'no status'}${why}`;
    case 'done':
      return `${request} is done${why}`;
    case 'waiting':
      return approval === 'pending_approval'
        ? `${request} waits for approval`
        : `${request} is ${state.state}${why}`;
  }
}

/**
 * Returns the result that a request stands for.
 *
 * @throws Permanent with the request's own message when it was denied or failed
 */
export function resultOf(state: RequestState, waiting: Waiting): ActionResult {
  const progress = progressOf(state);
  const detail = sentenceOf(state);
  if (progress === 'denied' || progress === 'failed') throw new Permanent(detail);
  return progress === 'done' ? { detail } : { detail, waiting };
}

/** Returns how long a request may take, seconds; a week when people have to approve it. */
export const waitsAtMost = (requester: Record<string, string> = {}): number =>
  requester.auto_approve === 'true' ? DAY_SECONDS : APPROVAL_DAYS * DAY_SECONDS;
