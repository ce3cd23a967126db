/** Virtual machines of a CloudForms that carry a tag, over either API. */
import { idOf, resourcesOf, wordOf, type Json } from './rest';
import { join } from 'node:path';
import { TooCostly, Unavailable } from '../../common/errors';
import { threadTask } from '../../common/thread-pool';
import { Permanent, Retryable } from '../outcomes';
import { DEAD, machinesIn, type Machine } from './soap-machines';
import { soapCallFor } from './soap';
import type { SoapAnswer } from './soap-answer';
import { nonsense, type Api, type Target } from './target';

export type { Machine };

export const TAG = /^[^\s/,|]+\/[^\s/,|]+$/;
export const TAG_HINT = 'must be a category and an entry, such as monitoredservice/web';

/** Most bytes of a SOAP answer that are read in the main thread, in some 10 ms. */
const SHORT_BYTES = 16 * 1024;
const READ_MS = 30_000;
const ATTRIBUTES = 'name,power_state,retired,ems_id,ipaddresses';

/**
 * Returns the machines that live, also when they are switched off: not retired, and still at a provider. A tag that
 * nobody carries, or that is not known, gives none.
 *
 * Source: ManageIQ `vmdbws_support.rb`, GetVmsByTag; manageiq-api, `by_tag`.
 *
 * @throws Retryable, Permanent; a list that is returned is whole
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
    const read = (body: Buffer) => readMachines(body, target, signal);
    const found = await soapCallFor(target, 'GetVmsByTag', { tag }, 'question', signal, read);
    if (found === 'no list') throw notAList(target);
    machines.push(...found);
  }
  if (machines.some(({ id }) => id === '')) throw notAList(target);
  return machines;
}

type Machines = SoapAnswer<Machine[] | 'no list'>;

const machinesOnThread = threadTask<Uint8Array, Machines>('actions', join(__dirname, 'soap-machines.thread'));

/** Reads a list, on a thread if it is long: it has no pages, and takes half a second a megabyte. */
async function readMachines(body: Buffer, { host }: Target, signal: AbortSignal): Promise<Machines> {
  if (body.length <= SHORT_BYTES) return machinesIn(body);
  const what = `the list of machines at ${host}`;
  try {
    return await machinesOnThread(body, {
      timeoutMs: READ_MS,
      bytes: body.length,
      what,
      deed: 'read',
      signal,
    });
  } catch (error) {
    if (error instanceof TooCostly) throw new Permanent(error.message);
    if (error instanceof Unavailable) throw new Retryable(error.message);
    throw error;
  }
}

/** Makes the query for machines with a tag, newest first. */
export const machinesQuery = (tag: string): string =>
  `/api/vms?by_tag=${encodeURIComponent(`/${tag}`)}&attributes=${ATTRIBUTES}&sort_by=id&sort_order=desc`;

const notAList = ({ host }: Target): Error =>
  nonsense({ purpose: 'question', what: `the list of machines at ${host}` });

const isLivingInJson = (vm: Json): boolean =>
  vm.retired !== true && vm.ems_id !== null && !DEAD.includes(wordOf(vm, 'power_state').toLowerCase());

const inJson = (vm: Json): Machine => ({
  id: idOf(vm) ?? '',
  name: wordOf(vm, 'name'),
  power: wordOf(vm, 'power_state').toLowerCase(),
  addresses: (Array.isArray(vm.ipaddresses) ? vm.ipaddresses : []).filter((one) => typeof one === 'string'),
});
