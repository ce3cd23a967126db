/**
 * Searching, filtering and sorting of services in the browser, for as long as the server does not (`LISTS_SEARCH`): of up
 * to 10,000 services, and with the states of the first hundred that fit.
 */
import { answer, client } from './client';
import { everything } from './queries';
import type { ServiceCounts, ServicesFilter } from './services';
import type { Page, Phase, Service, ServiceState } from './shapes';

const STATES_AT_MOST = 100;
const AT_ONCE = 6;
const WORST_FIRST: Phase[] = ['alarm', 'unknown', 'pending', 'ok'];

export async function listedHere(
  filter: ServicesFilter,
  limit: number,
  cursor: string | undefined,
): Promise<Page<Service>> {
  const fitting = await fittingServices(filter);
  const from = Number(cursor ?? 0);
  const items = fitting.slice(from, from + limit);
  const next = from + limit < fitting.length ? { nextCursor: String(from + limit) } : {};
  return { items, total: fitting.length, ...next };
}

export async function countedHere(filter: ServicesFilter): Promise<ServiceCounts> {
  const fitting = await fittingServices(filter);
  const counts: ServiceCounts = {
    total: fitting.length,
    phases: { ok: 0, pending: 0, alarm: 0, unknown: 0 },
    reasons: {},
    modes: {},
  };
  for (const { state, mode } of fitting) {
    counts.modes[mode] = (counts.modes[mode] ?? 0) + 1;
    if (state === undefined) continue;
    counts.phases[state.phase]++;
    counts.reasons[state.reason] = (counts.reasons[state.reason] ?? 0) + 1;
  }
  return counts;
}

async function fittingServices(filter: ServicesFilter): Promise<Service[]> {
  const all = await everything<Service>((query) => client.GET('/api/v1/services', { params: { query } }));
  const named = all.filter((service) => fitsDefinition(service, filter));
  const known = await withStates(named.slice(0, STATES_AT_MOST));
  const fitting = [...known.filter((service) => fitsState(service, filter)), ...named.slice(STATES_AT_MOST)];
  if (filter.sort === 'name') return fitting.sort((a, b) => a.name.localeCompare(b.name));
  if (filter.sort === '-updatedAt') return fitting.sort((a, b) => b.updatedAt.localeCompare(a.updatedAt));
  return fitting.sort((a, b) => rank(a) - rank(b) || since(a).localeCompare(since(b)));
}

const rank = ({ state }: Service): number =>
  state === undefined ? WORST_FIRST.length : WORST_FIRST.indexOf(state.phase);
const since = ({ state }: Service): string => state?.since ?? '';

/** One value of a comma list is enough; no list is all. */
const isOneOf = (value: string | undefined, list: string | undefined): boolean =>
  list === undefined || (value !== undefined && list.split(',').includes(value));

function fitsDefinition(service: Service, filter: ServicesFilter): boolean {
  const { name, description, mode, enabled, infrastructure, actions } = service;
  const labels = service.labels as Record<string, string>;
  const text = [name, description, ...Object.entries(labels).flat()].join('\n').toLowerCase();
  return (
    text.includes((filter.search ?? '').trim().toLowerCase()) &&
    [filter.label ?? []].flat().every((label) => {
      const [key = '', ...value] = label.split('=');
      return labels[key] === value.join('=');
    }) &&
    isOneOf(mode, filter.mode) &&
    isOneOf(String(enabled), filter.enabled) &&
    isOneOf(infrastructure, filter.infrastructure) &&
    (filter.action === undefined || actions.some((action) => isOneOf(action, filter.action)))
  );
}

const fitsState = ({ state }: Service, { phase, reason }: ServicesFilter): boolean =>
  isOneOf(state?.phase, phase) && isOneOf(state?.reason, reason);

async function withStates(services: readonly Service[]): Promise<Service[]> {
  const left = services.map((service) => ({ ...service }));
  const known = [...left];
  const work = async () => {
    for (let service = left.shift(); service !== undefined; service = left.shift())
      service.state = await answer<ServiceState>(
        client.GET('/api/v1/services/{ref}/state', { params: { path: { ref: service.id } } }),
      ).catch(() => undefined);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return known;
}
