/** The virtual machines of a CloudForms that carry a tag, over either API. */
import { idOf, resourcesOf, wordOf, type Json } from './rest';
import { childOf, isNilIn, itemsOf, soapCall, textOf, type SoapNode } from './soap';
import { nonsense, type Api, type Target } from './target';

export const TAG = /^[^\s/,|]+\/[^\s/,|]+$/;
export const TAG_HINT = 'must be a category and an entry, such as monitoredservice/web';

export interface Machine {
  id: string;
  name: string;
  /** CloudForms' word, in small letters: on, off, suspended, unknown, … */
  power: string;
  /** As CloudForms' agents tell them; none while it is built. */
  addresses: string[];
}

const ATTRIBUTES = 'name,power_state,retired,ems_id,ipaddresses';
/** Machines that are in the database only. */
const DEAD = ['archived', 'orphaned', 'terminated'];

/**
 * Those that live, also when they are switched off: not retired, and still at a provider. A tag that nobody carries,
 * or that is not known, gives none.
 *
 * Source: ManageIQ `vmdbws_support.rb`, GetVmsByTag; manageiq-api, `by_tag`.
 *
 * @throws Retryable, Permanent; what comes is whole
 */
export async function livingMachines(
  target: Target,
  api: Api,
  tag: string,
  signal: AbortSignal,
): Promise<Machine[]> {
  const machines: Machine[] = [];
  if (api === 'rest') {
    for await (const vm of resourcesOf(target, machinesQuery(tag), signal)) {
      if (isLivingInJson(vm)) machines.push(inJson(vm));
    }
  } else {
    const list = await soapCall(target, 'GetVmsByTag', { tag }, 'question', signal);
    machines.push(...vmsIn(list, target).filter(isLivingInSoap).map(inSoap));
  }
  if (machines.some(({ id }) => id === '')) throw notAList(target);
  return machines;
}

/** Newest first. */
export const machinesQuery = (tag: string): string =>
  `/api/vms?by_tag=${encodeURIComponent(`/${tag}`)}&attributes=${ATTRIBUTES}&sort_by=id&sort_order=desc`;

const notAList = ({ host }: Target): Error =>
  nonsense({ purpose: 'question', what: `the list of machines at ${host}` });

/** An array says how many it holds: `n1:VmdbwsSupport..ProxyVm[2]`. @throws when it holds another number */
function vmsIn(list: SoapNode, target: Target): SoapNode[] {
  const items = itemsOf(list);
  const type = typeof list === 'string' ? undefined : list['@arrayType'];
  const [, announced] = /\[(\d+)\]$/.exec(typeof type === 'string' ? type : '') ?? [];
  if (announced === undefined || Number(announced) !== items.length) throw notAList(target);
  return items;
}

/** A machine without a provider (`ems_id` is nil) is in the database only. */
function isLivingInSoap(vm: SoapNode): boolean {
  const isRetired = textOf(vm, 'retired') === 'true';
  const isTemplate = textOf(vm, 'template') === 'true';
  return !isRetired && !isTemplate && !isNilIn(vm, 'ems_id') && !DEAD.includes(powerOf(vm));
}

const isLivingInJson = (vm: Json): boolean =>
  vm.retired !== true && vm.ems_id !== null && !DEAD.includes(wordOf(vm, 'power_state').toLowerCase());

const inSoap = (vm: SoapNode): Machine => ({
  id: textOf(vm, 'id') ?? '',
  name: textOf(vm, 'name') ?? '',
  power: powerOf(vm),
  addresses: itemsOf(childOf(vm, 'ipaddresses') ?? '').flatMap((item) => textOf(item) ?? []),
});

const powerOf = (vm: SoapNode): string => (textOf(vm, 'power_state') ?? '').toLowerCase();

const inJson = (vm: Json): Machine => ({
  id: idOf(vm) ?? '',
  name: wordOf(vm, 'name'),
  power: wordOf(vm, 'power_state').toLowerCase(),
  addresses: (Array.isArray(vm.ipaddresses) ? vm.ipaddresses : []).filter((one) => typeof one === 'string'),
});
