import { Injectable } from '@nestjs/common';
import { step, type SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Text, TextMap } from '../../common/fields';
import { expectSuccess, resourcesOf, restCall, restRequest } from '../../targets/cloudforms/rest';
import { NoSuchOperation, soapCall, soapRequest, type Part } from '../../targets/cloudforms/soap';
import { textOf } from '../../targets/cloudforms/soap-answer';
import { mayBeDone, targetOf, type Api, type Target } from '../../targets/cloudforms/target';
import { hostIn } from '../../targets/http/host';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  type Action,
  type ActionContext,
  type ActionResult,
  type Verdict,
  type Waiting,
} from '../action';
import {
  CloudFormsParams,
  fieldProblems,
  jsonFields,
  KEY,
  pipedText,
  type Texts,
} from '../cloudforms/params';
import {
  EXECUTION,
  progressOf,
  readRequest,
  resultOf,
  stateInJson,
  stateInSoap,
  waitsAtMost,
  type RequestState,
} from '../cloudforms/requests';

const REQUESTS = '/api/provision_requests';
const FIELDS = ['templateFields', 'vmFields', 'requester', 'tags', 'additionalValues'] as const;

export class CloudFormsProvisionParams extends CloudFormsParams implements SelfChecking {
  @Text({
    description: 'Version of the call',
    pattern: /^(?!0*1(\.0*)?$)\d+(\.\d+)?$/,
    patternHint: 'must be a version such as 1.1; 1.0 is another call with other fields',
  })
  version: string = '1.1';

  @TextMap({
    directs: 'nothing',
    description: 'The one template to clone, all must fit: name, guid, ems_guid, request_type',
    template: 'text',
    keys: KEY,
    example: { name: 'rhel6', request_type: 'template' },
  })
  templateFields: Texts;

  @TextMap({
    directs: 'nothing',
    description: 'Fields of the provisioning dialog: vm_name, number_of_vms, vlan, vm_memory, …',
    template: 'text',
    keys: KEY,
    optional: true,
    example: { vm_name: 'web', number_of_vms: '{{ nodes.delta }}', vlan: 'production' },
  })
  vmFields?: Texts;

  @TextMap({
    directs: 'nothing',
    description: 'Tags of the new machines, category to entry; CloudForms ignores those it does not know',
    template: 'text',
    keys: KEY,
    optional: true,
    example: { monitoredservice: 'web' },
  })
  tags?: Texts;

  @TextMap({
    directs: 'nothing',
    description: "Values for the appliance's own automation; monscale adds the execution's id",
    template: 'text',
    keys: KEY,
    optional: true,
    example: { environment: 'production' },
  })
  additionalValues?: Texts;

  problems(): FieldError[] {
    const own = Object.keys(this.additionalValues ?? {}).filter((key) => key.toLowerCase() === EXECUTION);
    return [
      ...FIELDS.flatMap((field) => fieldProblems(field, this[field], this.api)),
      ...own.map((key) => ({ pointer: `/additionalValues${step(key)}`, detail: 'is set by monscale alone' })),
    ];
  }
}

/** Asks CloudForms for virtual machines and waits until the request has ended, which people may have to approve. */
@ActionMapping({
  type: 'cloudforms_provision',
  title: 'CloudForms: new virtual machines',
  description: 'Asks CloudForms or ManageIQ to provision virtual machines from a template',
  params: CloudFormsProvisionParams,
  capacity: 'adds',
})
@Injectable()
export class CloudFormsProvision implements Action<CloudFormsProvisionParams> {
  async execute(params: CloudFormsProvisionParams, context: ActionContext): Promise<ActionResult> {
    const target = targetOf(params);
    return params.api === 'rest'
      ? provisionByRest(target, params, context)
      : provisionBySoap(target, params, context);
  }

  async follow(
    params: CloudFormsProvisionParams,
    waiting: Waiting,
    context: ActionContext,
  ): Promise<ActionResult> {
    const { api, request } = waiting as { api: Api; request: string };
    return resultOf(await readRequest(targetOf(params), api, 'provision', request, context), waiting);
  }

  waitsAtMost({ requester }: CloudFormsProvisionParams): number {
    return waitsAtMost(requester);
  }

  preview(params: CloudFormsProvisionParams, { executionId }: ActionContext): object {
    const { origin } = targetOf(params);
    const { path, ...request } =
      params.api === 'rest'
        ? restRequest(REQUESTS, bodyOf(params, executionId))
        : soapRequest('VmProvisionRequest', partsOf(params, executionId));
    return { url: origin + path, ...request };
  }

  target({ url }: CloudFormsProvisionParams): string | undefined {
    return hostIn(url);
  }

  /** Returns false: CloudForms has no idempotency key, and each request creates another machine. */
  idempotent(): boolean {
    return false;
  }

  /**
   * Looks for the request by the execution's id, over REST only, and follows it. A request that is not found proves
   * nothing: it may still be on its way, or not be visible to us.
   */
  async verify(params: CloudFormsProvisionParams, { executionId, signal }: ActionContext): Promise<Verdict> {
    if (params.api !== 'rest') return 'unknown';
    const found = await findRequest(targetOf(params), executionId, signal);
    const progress = found && progressOf(found);
    if (found === undefined || progress === undefined) return 'unknown';
    if (progress === 'waiting') return { waiting: { api: 'rest', request: found.id } };
    return progress === 'done' ? 'succeeded' : 'failed';
  }
}

async function provisionBySoap(
  target: Target,
  params: CloudFormsProvisionParams,
  { executionId, signal }: ActionContext,
): Promise<ActionResult> {
  const parts = partsOf(params, executionId);
  try {
    const state = stateInSoap(await soapCall(target, 'VmProvisionRequest', parts, 'deed', signal));
    return accepted(state, 'soap', target);
  } catch (error) {
    if (!(error instanceof NoSuchOperation)) throw error;
    // Versions without it have this one, which tells no request id.
    const operation = 'EVMProvisionRequestEx';
    const answer = await soapCall(target, operation, exPartsOf(params, executionId), 'deed', signal);
    const word = textOf(answer);
    if (word === 'true')
      return { detail: `${target.host} accepted it; this version tells no request to follow` };
    if (word === 'false') throw new Permanent(`${operation} at ${target.host} was refused`);
    throw mayBeDone(`${operation} at ${target.host} was answered neither true nor false`);
  }
}

async function provisionByRest(
  target: Target,
  params: CloudFormsProvisionParams,
  { executionId, signal }: ActionContext,
): Promise<ActionResult> {
  const body = bodyOf(params, executionId);
  try {
    const { results } = await restCall(target, REQUESTS, body, 'deed', signal);
    const [result] = Array.isArray(results) ? (results as object[]) : [];
    expectSuccess({ ...result }, `the request at ${target.host}`, target);
    const state = stateInJson({ ...result });
    if ((state.execution ?? executionId) !== executionId)
      throw mayBeDone(`the request at ${target.host} was answered with another's`);
    return accepted(state, 'rest', target);
  } catch (error) {
    if (!(error instanceof Ambiguous) || signal.aborted) throw error;
    const found = await findRequest(target, executionId, signal).catch(() => undefined);
    if (found === undefined) throw error;
    return accepted(found, 'rest', target);
  }
}

function accepted(state: RequestState, api: Api, { host }: Target): ActionResult {
  const { id } = state;
  if (id === '') throw mayBeDone(`the request at ${host} was answered without its id`);
  return resultOf({ ...state, message: '' }, { api, request: id });
}

/**
 * Returns the execution's own request, if it is among the newest that are visible.
 *
 * @throws whatever a question throws
 */
async function findRequest(
  target: Target,
  executionId: string,
  signal: AbortSignal,
): Promise<RequestState | undefined> {
  const query = `${REQUESTS}?sort_by=id&sort_order=desc`;
  for await (const request of resourcesOf(target, query, signal)) {
    const state = stateInJson(request);
    if (state.execution === executionId) return state;
  }
  return undefined;
}

const withExecution = ({ additionalValues }: CloudFormsProvisionParams, executionId: string): Texts => ({
  ...additionalValues,
  [EXECUTION]: executionId,
});

function sharedPartsOf(params: CloudFormsProvisionParams): Record<string, Part> {
  const { version, templateFields, vmFields, requester, tags } = params;
  return {
    version,
    templateFields: pipedText('templateFields', templateFields),
    vmFields: pipedText('vmFields', vmFields),
    requester: pipedText('requester', requester),
    tags: pipedText('tags', tags),
  };
}

/** Returns the parts of VmProvisionRequest. */
function partsOf(params: CloudFormsProvisionParams, executionId: string): Record<string, Part> {
  const values = pipedText('additionalValues', withExecution(params, executionId));
  const members = { values, ems_custom_attributes: '', miq_custom_attributes: '' };
  return { ...sharedPartsOf(params), options: { type: 'VmdbwsSupport..ProvisionOptions', members } };
}

function exPartsOf(params: CloudFormsProvisionParams, executionId: string): Record<string, Part> {
  const additionalValues = pipedText('additionalValues', withExecution(params, executionId));
  return { ...sharedPartsOf(params), additionalValues, emsCustomAttributes: '', miqCustomAttributes: '' };
}

function bodyOf(params: CloudFormsProvisionParams, executionId: string): object {
  const { auto_approve: autoApprove, ...requester } = jsonFields(params.requester);
  return {
    version: params.version,
    template_fields: jsonFields(params.templateFields),
    vm_fields: jsonFields(params.vmFields),
    requester: {
      ...requester,
      ...(autoApprove === undefined ? {} : { auto_approve: autoApprove === 'true' }),
    },
    tags: jsonFields(params.tags),
    additional_values: jsonFields(withExecution(params, executionId)),
  };
}
