import { Injectable } from '@nestjs/common';
import type { SelfChecking } from '../../common/check';
import { messageOf, type FieldError } from '../../common/errors';
import { Text, TextMap } from '../../common/fields';
import {
  livingMachines,
  machinesQuery,
  TAG,
  TAG_HINT,
  type Machine,
} from '../../targets/cloudforms/machines';
import { expectSuccess, restCall, restRequest, wordOf, type Json } from '../../targets/cloudforms/rest';
import { soapCall, soapRequest, type Part } from '../../targets/cloudforms/soap';
import { textOf } from '../../targets/cloudforms/soap-answer';
import { Gone, mayBeDone, targetOf, told, type Target } from '../../targets/cloudforms/target';
import { hostIn } from '../../targets/http/host';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  Unreadable,
  type Action,
  type ActionContext,
  type ActionResult,
  type Waiting,
} from '../action';
import { CloudFormsParams, fieldProblems, KEY, pipedText, type Texts } from '../cloudforms/params';
import { asking, progressOf, readRequest, sentenceOf, waitsAtMost } from '../cloudforms/requests';

const COUNT = /^\s*0*[1-9]\d{0,3}\s*$/;
const COUNT_HINT = 'must be a whole number from 1 to 9999';
const ASKED_AT_ONCE = 8;
/** Placeholder for a machine's id, which a preview can't know. */
const EACH_ID = '<id>';

export class CloudFormsRetireParams extends CloudFormsParams implements SelfChecking {
  @Text({
    directs: 'nothing',
    description: 'Tag that the machines carry, category/entry',
    template: 'text',
    minLength: 1,
    pattern: TAG,
    patternHint: TAG_HINT,
    example: 'monitoredservice/{{ infrastructure.name }}',
  })
  tag: string;

  @Text({
    directs: 'nothing',
    description: 'How many to retire; without it as many as nodes.delta says, at least 1',
    template: 'text',
    optional: true,
    pattern: COUNT,
    patternHint: COUNT_HINT,
    example: '{{ nodes.delta | abs }}',
  })
  count?: string;

  @TextMap({
    directs: 'nothing',
    description:
      "Which automation is run, with SOAP: namespace, class, instance, message; by default CloudForms' own, SYSTEM/PROCESS/AUTOMATION_REQUEST",
    template: 'text',
    keys: KEY,
    optional: true,
    example: { namespace: 'Acme', class: 'Misc', instance: 'retire', message: 'create' },
  })
  uriParts?: Texts;

  problems(): FieldError[] {
    return [
      ...fieldProblems('uriParts', this.uriParts, this.api),
      ...fieldProblems('requester', this.requester, this.api),
    ];
  }
}

/** Machine whose retirement CloudForms has accepted, and the request or task to follow. */
type Retiring = Pick<Machine, 'id' | 'name'> & ({ request: string } | { task?: string });

/** Retires virtual machines that carry a tag, newest first, and waits until that is done. */
@ActionMapping({
  type: 'cloudforms_retire',
  title: 'CloudForms: retire virtual machines',
  description: 'Retires living virtual machines of CloudForms or ManageIQ that carry a tag, newest first',
  params: CloudFormsRetireParams,
  capacity: 'removes',
})
@Injectable()
export class CloudFormsRetire implements Action<CloudFormsRetireParams> {
  /**
   * Asks for the retirement of each machine. Once one was asked for, no failure may be retried: a retry would choose
   * other machines.
   */
  async execute(params: CloudFormsRetireParams, context: ActionContext): Promise<ActionResult> {
    const target = targetOf(params);
    const count = countOf(params, context.variables);
    const living = await livingMachines(target, params.api, tagOf(params), context.signal);
    if (living.length === 0) throw new Permanent(`no living machine at ${target.host} carries ${params.tag}`);
    const chosen = living.sort(newestFirst).slice(0, count);
    const retiring: Retiring[] = [];
    for (const machine of chosen) {
      try {
        const { id, name } = machine;
        retiring.push({ id, name, ...(await this.retire(target, params, id, context)) });
      } catch (error) {
        throw retiring.length === 0 ? error : halfDone(error, retiring, chosen.length);
      }
    }
    const missing = count > chosen.length ? `; ${count} were wanted, and no more live` : '';
    return { waiting: { retiring }, detail: `asked to retire ${namesOf(retiring)}${missing}` };
  }

  async follow(
    params: CloudFormsRetireParams,
    waiting: Waiting,
    context: ActionContext,
  ): Promise<ActionResult> {
    const target = targetOf(params);
    const { retiring } = waiting as { retiring: Retiring[] };
    const found: End[] = [];
    for (let from = 0; from < retiring.length; from += ASKED_AT_ONCE) {
      const some = retiring.slice(from, from + ASKED_AT_ONCE);
      found.push(...(await Promise.all(some.map((machine) => endOf(target, machine, params.tag, context)))));
    }
    const detail = found.map(({ sentence }) => sentence).join('; ');
    if (found.some(({ end }) => end === 'waiting')) return { waiting, detail };
    if (found.some(({ end }) => end === 'failed')) throw new Permanent(detail);
    if (found.some(({ end }) => end === 'lost')) throw new Unreadable(detail);
    return { detail };
  }

  waitsAtMost({ api, requester }: CloudFormsRetireParams): number {
    return waitsAtMost(api === 'rest' ? { auto_approve: 'true' } : requester);
  }

  /** Returns the question for machines, which is asked at execution, and the request that each of them gets. */
  preview(params: CloudFormsRetireParams, { executionId, variables }: ActionContext): object {
    const { origin } = targetOf(params);
    const count = countOf(params, variables);
    const tag = tagOf(params);
    const [question, deed] =
      params.api === 'rest'
        ? [
            restRequest(machinesQuery(tag), undefined),
            restRequest(pathOf(EACH_ID), { action: 'request_retire' }),
          ]
        : [
            soapRequest('GetVmsByTag', { tag }),
            soapRequest('CreateAutomationRequest', partsOf(params, EACH_ID, executionId)),
          ];
    const [find, each] = [question, deed].map(({ path, ...request }) => ({ url: origin + path, ...request }));
    return { count, find, each };
  }

  target({ url }: CloudFormsRetireParams): string | undefined {
    return hostIn(url);
  }

  /** Returns false: a retry would find other machines to be the newest. */
  idempotent(): boolean {
    return false;
  }

  private async retire(
    target: Target,
    params: CloudFormsRetireParams,
    id: string,
    { executionId, signal }: ActionContext,
  ): Promise<{ request: string } | { task?: string }> {
    if (params.api === 'rest') return retireByRest(target, id, signal);
    const parts = partsOf(params, id, executionId);
    const request = textOf(await soapCall(target, 'CreateAutomationRequest', parts, 'deed', signal));
    if (!request) throw mayBeDone(`CreateAutomationRequest at ${target.host} was answered without its id`);
    return { request };
  }
}

/** Returns the parts of CreateAutomationRequest. `vm_retired` is what CloudForms' own automation expects. */
function partsOf(
  { uriParts, requester }: CloudFormsRetireParams,
  vmid: string,
  executionId: string,
): Record<string, Part> {
  const parameters = { vmid, request_type: 'vm_retired', monscale_execution: executionId };
  return {
    version: '1.1',
    uri_parts: pipedText('uriParts', uriParts),
    parameters: pipedText('parameters', parameters),
    requester: pipedText('requester', requester),
  };
}

const pathOf = (id: string): string => `/api/vms/${id === EACH_ID ? id : encodeURIComponent(id)}`;

/**
 * Asks for the retirement of a machine. Versions before 2019 know only `retire`; they refuse `request_retire`, and do
 * nothing.
 */
async function retireByRest(target: Target, id: string, signal: AbortSignal): Promise<{ task?: string }> {
  let answer: Json;
  try {
    answer = await restCall(target, pathOf(id), { action: 'request_retire' }, 'deed', signal);
  } catch (error) {
    if (!(error instanceof Permanent) || !/unsupported action/i.test(error.message)) throw error;
    answer = await restCall(target, pathOf(id), { action: 'retire' }, 'deed', signal);
  }
  const { success, task_id: task } = answer;
  expectSuccess(answer, `retiring machine ${id} at ${target.host}`, target);
  if (success !== true) throw mayBeDone(`retiring machine ${id} was answered, but not as CloudForms does`);
  return typeof task === 'string' || typeof task === 'number' ? { task: String(task) } : {};
}

/**
 * Returns how many machines to retire.
 *
 * @throws Permanent when the template rendered no number
 */
function countOf({ count }: CloudFormsRetireParams, variables: Record<string, unknown>): number {
  if (count === undefined) {
    const { delta } = Object(variables.nodes) as { delta?: unknown };
    return typeof delta === 'number' ? Math.max(1, Math.abs(Math.trunc(delta))) : 1;
  }
  if (COUNT.test(count)) return Number(count);
  throw new Permanent(
    `nothing can be retired: count ${COUNT_HINT}, not ${JSON.stringify(count.slice(0, 50))}`,
  );
}

/**
 * Returns the tag.
 *
 * @throws Permanent when the template rendered no valid tag: it might select other machines
 */
function tagOf({ tag }: CloudFormsRetireParams): string {
  if (TAG.test(tag)) return tag;
  throw new Permanent(`nothing can be retired: tag ${TAG_HINT}, not ${JSON.stringify(tag.slice(0, 100))}`);
}

/** Compares two machines, newest first: ids are given in ascending order. */
const newestFirst = (one: Machine, other: Machine): number => (orderOf(other.id) > orderOf(one.id) ? 1 : -1);

/** Returns an id as a number. Some versions write machine 17 of region 2 as `2r17`; others add region times 10^12. */
function orderOf(id: string): bigint {
  const [, region = '0', number] = /^(?:(\d+)r)?(\d+)$/.exec(id) ?? [];
  return number === undefined ? 0n : BigInt(region) * 1_000_000_000_000n + BigInt(number);
}

const namesOf = (machines: Retiring[]): string =>
  machines
    .map((machine) => machine.name + ('request' in machine ? ` by request ${machine.request}` : ''))
    .join(', ');

function halfDone(error: unknown, retiring: Retiring[], wanted: number): Error {
  const sentence = `${retiring.length} of ${wanted} machines were asked to retire (${namesOf(retiring)}); then ${messageOf(error)}`;
  return error instanceof Ambiguous ? new Ambiguous(sentence) : new Permanent(sentence);
}

interface End {
  end: 'waiting' | 'done' | 'failed' | 'lost';
  sentence: string;
}

async function endOf(target: Target, machine: Retiring, tag: string, context: ActionContext): Promise<End> {
  if (!('request' in machine)) return endByRest(target, machine, tag, context.signal);
  try {
    const state = await readRequest(target, 'soap', 'automation', machine.request, context);
    const progress = progressOf(state);
    const sentence = sentenceOf(state, ` (${machine.name})`);
    return { end: progress === 'denied' ? 'failed' : progress, sentence };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { end: 'lost', sentence: `${machine.name}: ${error.message}` };
  }
}

/**
 * Returns how far the retirement of a machine is. The task ends early, since it only starts the retirement; the machine
 * itself says when it is retired.
 */
async function endByRest(
  target: Target,
  { id, name, task }: Pick<Machine, 'id' | 'name'> & { task?: string },
  tag: string,
  signal: AbortSignal,
): Promise<End> {
  const failure = task === undefined ? undefined : await failureOfTask(target, task, signal);
  if (failure !== undefined) return { end: 'failed', sentence: `${name}: ${failure}` };
  try {
    const path = `${pathOf(id)}?attributes=retired`;
    const { retired } = await asking(() => restCall(target, path, undefined, 'question', signal));
    return retired === true
      ? { end: 'done', sentence: `${name} is retired` }
      : { end: 'waiting', sentence: `${name} is not retired yet` };
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
    // It may be there all the same, and not shown to us under its id: the list says what lives.
    const living = await asking(() => livingMachines(target, 'rest', tag, signal));
    return living.some((machine) => machine.id === id)
      ? { end: 'waiting', sentence: `${name} is not found by its id, and lives` }
      : { end: 'done', sentence: `${name} is gone` };
  }
}

/** Returns why a task failed; undefined while it has not, and when CloudForms has deleted it. */
async function failureOfTask(target: Target, task: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const path = `/api/tasks/${encodeURIComponent(task)}`;
    const answer = await asking(() => restCall(target, path, undefined, 'question', signal));
    const isOver = wordOf(answer, 'state').toLowerCase() === 'finished';
    if (!isOver || wordOf(answer, 'status').toLowerCase() === 'ok') return undefined;
    return `task ${task} ended with ${wordOf(answer, 'status')}: ${told(wordOf(answer, 'message'), target)}`;
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
    return undefined;
  }
}
