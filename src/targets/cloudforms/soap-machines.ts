import { answerIn, childOf, isNilIn, itemsOf, textOf, type SoapAnswer, type SoapNode } from './soap-answer';

export interface Machine {
  id: string;
  name: string;
  /** CloudForms' word, in small letters: on, off, suspended, unknown, … */
  power: string;
  /** As CloudForms' agents tell them; none while it is built. */
  addresses: string[];
}

/** Machines that are in the database only. */
export const DEAD = ['archived', 'orphaned', 'terminated'];

/** The living machines in an answer to GetVmsByTag. */
export function machinesIn(body: Uint8Array): SoapAnswer<Machine[] | 'no list'> {
  const { fault, result } = answerIn(body, 'GetVmsByTag');
  if (result === undefined) return { fault };
  return { result: vmsIn(result)?.filter(isLivingInSoap).map(inSoap) ?? 'no list' };
}

/** An array says how many it holds: `n1:VmdbwsSupport..ProxyVm[2]`. undefined when it holds another number */
function vmsIn(list: SoapNode): SoapNode[] | undefined {
  const items = itemsOf(list);
  const type = typeof list === 'string' ? undefined : list['@arrayType'];
  const [, announced] = /\[(\d+)\]$/.exec(typeof type === 'string' ? type : '') ?? [];
  if (announced === undefined || Number(announced) !== items.length) return undefined;
  return items;
}

/** A machine without a provider (`ems_id` is nil) is in the database only. */
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
