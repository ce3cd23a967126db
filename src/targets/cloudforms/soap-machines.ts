import { answerIn, childOf, isNilIn, itemsOf, textOf, type SoapAnswer, type SoapNode } from './soap-answer';

export interface Machine {
  id: string;
  name: string;
  /** Power state in CloudForms' word, in lower case: on, off, suspended, unknown, … */
  power: string;
  /** Addresses that CloudForms' agents report; none while the machine is built. */
  addresses: string[];
}

/** Power states of machines that are in the database only. */
export const DEAD = ['archived', 'orphaned', 'terminated'];

/** Returns the living machines in an answer to GetVmsByTag. */
export function machinesIn(body: Uint8Array): SoapAnswer<Machine[] | 'no list'> {
  const { fault, result } = answerIn(body, 'GetVmsByTag');
  if (result === undefined) return { fault };
  return { result: vmsIn(result)?.filter(isLivingInSoap).map(inSoap) ?? 'no list' };
}

/**
 * Returns the items of an array, whose type says how many it holds: `n1:VmdbwsSupport..ProxyVm[2]`. Undefined when it
 * holds another number.
 */
function vmsIn(list: SoapNode): SoapNode[] | undefined {
  const items = itemsOf(list);
  const type = typeof list === 'string' ? undefined : list['@arrayType'];
  const [, announced] = /\[(\d+)\]$/.exec(typeof type === 'string' ? type : '') ?? [];
  if (announced === undefined || Number(announced) !== items.length) return undefined;
  return items;
}

/** Tells whether a machine lives. One without a provider (`ems_id` is nil) is in the database only. */
function isLivingInSoap(vm: SoapNode): boolean {
  const isRetired = textOf(vm, 'retired') === 'true';
  const isTemplate = textOf(vm, 'template') === 'true';
  return !isRetired && !isTemplate && !isNilIn(vm, 'ems_id') && !DEAD.includes(powerOf(vm));
}

const inSoap = (vm: SoapNode): Machine => ({
  id: textOf(vm, 'id') ?? '',
  name: textOf(vm, 'name') ?? '',
  power: powerOf(vm),
  addresses: itemsOf(childOf(vm, 'ipaddresses') ?? '').flatMap((item) => textOf(item) ?? []),
});

const powerOf = (vm: SoapNode): string => (textOf(vm, 'power_state') ?? '').toLowerCase();
