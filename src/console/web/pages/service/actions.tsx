/** What a person may do with a service. */
import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, client } from '../../api/client';
import { reportQuery, serviceStateQuery } from '../../api/queries';
import type { Service } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { serviceEditPath } from '../../app/paths';
import { useMay } from '../../app/rights';
import { Ask } from '../../parts/ask';
import { phaseWord } from '../../parts/phase';
import { useNow } from '../../parts/time';
import { SilenceDialog } from '../silences/silence-dialog';
import { Acknowledge } from './acknowledge';

type Asked = 'delete' | 'promote' | 'end-wisdom' | 'enabled' | 'silence' | 'acknowledge';

export function ServiceActions({ service }: { service: Service }) {
  const { id, name, mode, enabled } = service;
  const labels = service.labels as Record<string, string>;
  const mayWrite = useMay('editor', labels);
  const mayOperate = useMay('operator', labels);
  const [asked, ask] = useState<Asked>();
  const { data: state } = useQuery(serviceStateQuery(id));
  const at = useNow();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const close = () => ask(undefined);
  const path = { path: { ref: id } };
  const patch = async (change: object) => {
    await answer(client.PATCH('/api/v1/services/{ref}', { params: path, body: change as never }));
    await queries.invalidateQueries({ queryKey: ['services'] });
  };
  const isWise = state?.wisdomUntil !== undefined && Date.parse(state.wisdomUntil) > at;
  return (
    <>
      {mayOperate && state?.phase === 'alarm' && state.acknowledged === undefined ? (
        <Button variant="default" onClick={() => ask('acknowledge')}>
          Acknowledge
        </Button>
      ) : null}
      {mayOperate ? (
        <Button variant="default" onClick={() => ask('silence')}>
          Silence
        </Button>
      ) : null}
      {mayOperate && isWise ? (
        <Button variant="default" onClick={() => ask('end-wisdom')}>
          End wisdom time
        </Button>
      ) : null}
      {mayWrite ? (
        <>
          {mode === 'shadow' ? (
            <Button variant="default" onClick={() => ask('promote')}>
              Promote
            </Button>
          ) : null}
          <Button variant="default" onClick={() => ask('enabled')}>
            {enabled ? 'Disable' : 'Enable'}
          </Button>
          <Button variant="default" onClick={() => ask('delete')}>
            Delete
          </Button>
          <Button component={AppLink} to={serviceEditPath(name)}>
            Edit
          </Button>
        </>
      ) : null}
      {asked === 'silence' ? (
        <SilenceDialog
          what={name}
          match={{ services: [name] }}
          reason={
            state === undefined ? '' : `${phaseWord(state.phase)}: ${state.explanation}`.slice(0, 1_000)
          }
          onClose={close}
        />
      ) : null}
      {asked === 'acknowledge' ? <Acknowledge id={id} name={name} onClose={close} /> : null}
      <Ask
        isOpen={asked === 'delete'}
        onClose={close}
        title={`Delete ${name}`}
        verb="Delete"
        isDangerous
        act={async () => {
          await answer(client.DELETE('/api/v1/services/{ref}', { params: path }));
          await navigate({ to: '/services' });
        }}
      >
        It is watched no more, and what it has decided goes with it.
      </Ask>
      <Ask
        isOpen={asked === 'enabled'}
        onClose={close}
        title={`${enabled ? 'Disable' : 'Enable'} ${name}`}
        verb={enabled ? 'Disable' : 'Enable'}
        act={() => patch({ enabled: !enabled })}
      >
        {enabled
          ? 'It is not evaluated and never triggers until it is enabled.'
          : 'It is evaluated and triggers again.'}
      </Ask>
      <Ask
        isOpen={asked === 'promote'}
        onClose={close}
        title={`Promote ${name} from shadow`}
        verb="Promote"
        act={() => patch({ mode: 'auto' })}
      >
        <WouldHave id={id} />
      </Ask>
      <Ask
        isOpen={asked === 'end-wisdom'}
        onClose={close}
        title="End the wisdom time"
        verb="End wisdom time"
        act={async () => {
          await answer(client.POST('/api/v1/services/{ref}/end-wisdom', { params: path }));
          await queries.invalidateQueries({ queryKey: ['services', id] });
        }}
      >
        It may trigger again at once, if its condition is true.
      </Ask>
    </>
  );
}

function WouldHave({ id }: { id: string }) {
  const { data } = useQuery(reportQuery(id, 7));
  return (
    <p style={{ margin: 0 }}>
      {data === undefined ? '' : `In the last 7 days it would have triggered ${data.triggers} times. `}
      From now on its triggers act.
    </p>
  );
}
