import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { decisionsQuery } from '../../api/queries';
import { servicesQuery } from '../../api/services';
import type { Service } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { servicePath } from '../../app/paths';
import { Phase } from '../../parts/phase';
import { Section } from '../../parts/section';
import { useNow } from '../../parts/time';
import { LedgerStrip } from '../service/ledger-strip';

const HOURS = 24;
const MINUTE_MS = 60_000;
const SHOWN_AT_MOST = 20;

/** What its services decided in the last day, one below the other over the same time. */
export function ServicesStrip({ infrastructure }: { infrastructure: string }) {
  const { data } = useInfiniteQuery(servicesQuery({ infrastructure }));
  const minute = Math.floor(useNow(MINUTE_MS) / MINUTE_MS) * MINUTE_MS;
  const from = minute - HOURS * 60 * MINUTE_MS;
  const services = data?.pages[0]?.items ?? [];
  return (
    <Section
      title="Its services, the last day"
      beside={
        <AppLink to="/services" search={{ infrastructure }}>
          All of them
        </AppLink>
      }
    >
      {services.length === 0 ? <p className="hint">No service scales it.</p> : null}
      {services.slice(0, SHOWN_AT_MOST).map((service) => (
        <Strip key={service.id} service={service} from={from} />
      ))}
    </Section>
  );
}

function Strip({ service: { id, name, state, direction }, from }: { service: Service; from: number }) {
  const { data } = useQuery({
    ...decisionsQuery(id, new Date(from).toISOString()),
    placeholderData: (before) => before,
  });
  return (
    <div className="service-strip">
      <div>
        <AppLink to={servicePath(name)} data-row="" dir="auto">
          {name}
        </AppLink>{' '}
        {direction === undefined ? null : <small>{direction === 'up' ? '↑ up' : '↓ down'}</small>}{' '}
        {state === undefined ? null : <Phase phase={state.phase} />}
      </div>
      <LedgerStrip decisions={data?.items ?? []} from={from} />
    </div>
  );
}
