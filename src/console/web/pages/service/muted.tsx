/** What keeps a service from acting although something is wrong: a silence, a service it depends on, a person who knows. */
import { Button, Group } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, client } from '../../api/client';
import { wordsOf } from '../../api/problem';
import { dependenciesQuery } from '../../api/queries';
import type { ServiceState } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { servicePath, silencePath } from '../../app/paths';
import { useMay } from '../../app/rights';
import { Phase } from '../../parts/phase';
import { Countdown } from '../../parts/time';

export function Silenced({ state: { silence } }: { state: ServiceState }) {
  if (silence === undefined) return null;
  return (
    <span>
      Silenced by {silence.owner}:{' '}
      <AppLink to={silencePath(silence.id)} dir="auto">
        {silence.reason}
      </AppLink>
      . <Countdown what="It ends in" to={silence.until} />
    </span>
  );
}

/** @param isStopped whether one of them is what stops it now */
export function DependsOn({ id, isStopped }: { id: string; isStopped: boolean }) {
  const { data } = useQuery(dependenciesQuery(id));
  if (data === undefined) return null;
  const { parents, unpaired, children } = data;
  return (
    <>
      {parents.length === 0 ? null : (
        <div>
          {isStopped ? 'It does not act while another is wrong:' : 'Depends on'}
          <ul className="plain">
            {parents.map(({ entry, service, phase, stops }) => (
              <li key={`${entry} ${service}`}>
                <AppLink to={servicePath(service)} dir="auto">
                  {service}
                </AppLink>{' '}
                <Phase phase={phase} />
                {stops ? ', which stops it' : null}
              </li>
            ))}
          </ul>
        </div>
      )}
      {unpaired.map(({ entry, because }) => (
        <span key={entry}>
          Its dependency {entry + 1} is on nothing that is there: {because}
        </span>
      ))}
      {children.length === 0 ? null : (
        <span>
          {children.length} {children.length === 1 ? 'service depends' : 'services depend'} on it:{' '}
          {children.slice(0, SHOWN).map(({ service }, index) => (
            <span key={service}>
              {index === 0 ? '' : ', '}
              <AppLink to={servicePath(service)} dir="auto">
                {service}
              </AppLink>
            </span>
          ))}
          {children.length > SHOWN ? ` and ${children.length - SHOWN} more` : ''}
        </span>
      )}
    </>
  );
}

const SHOWN = 10;

export function Acknowledged({ id, state: { acknowledged } }: { id: string; state: ServiceState }) {
  const mayOperate = useMay('operator');
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: () =>
      answer(client.DELETE('/api/v1/services/{ref}/acknowledge', { params: { path: { ref: id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['services', id] }),
  });
  if (acknowledged === undefined) return null;
  return (
    <Group gap="xs">
      <span>
        Acknowledged by {acknowledged.by}: <span dir="auto">{acknowledged.note}</span>.{' '}
        <Countdown what="That holds for" to={acknowledged.until} />
      </span>
      {mayOperate ? (
        <Button
          variant="default"
          size="compact-md"
          aria-busy={end.isPending}
          onClick={() => (end.isPending ? undefined : end.mutate())}
        >
          End acknowledgement
        </Button>
      ) : null}
      {end.isError ? (
        <span className="problem" role="alert">
          {wordsOf(end.error)}
        </span>
      ) : null}
    </Group>
  );
}
