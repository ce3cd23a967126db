/** The kill switch, on every page: that everything is stopped and why, and the ways to stop and to resume. */
import { Alert, Button, Group, Textarea } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../api/client';
import { killSwitchQuery } from '../api/queries';
import { Ask } from '../parts/ask';
import { Time } from '../parts/time';
import { Notice } from './notices';
import { useMayWhole } from './rights';

function useSetKillSwitch() {
  const queries = useQueryClient();
  return async (on: boolean, reason: string) => {
    await answer(client.PUT('/api/v1/kill-switch', { body: { on, reason } }));
    await queries.invalidateQueries({ queryKey: killSwitchQuery.queryKey });
  };
}

export function StoppedBanner() {
  const { data } = useQuery(killSwitchQuery);
  const mayResume = useMayWhole('admin');
  const [isAsking, ask] = useState(false);
  const set = useSetKillSwitch();
  return (
    <>
      {data?.on ? (
        <Notice>
          <Alert color="red" role="alert" title="Everything is stopped">
            <Group justify="space-between">
              <div>
                {data.reason ? <p style={{ margin: 0 }}>Reason: {data.reason}</p> : null}
                <p style={{ margin: 0 }}>
                  {data.heldBy === 'environment' ? (
                    'The environment holds it: MONSCALE_KILL_SWITCH is on.'
                  ) : (
                    <>
                      Stopped by <b dir="auto">{data.by}</b>
                    </>
                  )}
                </p>
                {data.changedAt ? <Time at={data.changedAt} /> : null}
              </div>
              {mayResume && data.heldBy !== 'environment' ? (
                <Button onClick={() => ask(true)}>Resume</Button>
              ) : null}
            </Group>
          </Alert>
        </Notice>
      ) : null}
      <Ask
        isOpen={isAsking}
        onClose={() => ask(false)}
        title="Let rules act again"
        verb="Resume"
        act={() => set(false, '')}
      >
        From now on triggers execute their actions again. What was decided while all was stopped is not caught
        up on.
      </Ask>
    </>
  );
}

export function StopEverything() {
  const { data } = useQuery(killSwitchQuery);
  const mayStop = useMayWhole('operator');
  const [isAsking, ask] = useState(false);
  const [reason, setReason] = useState('');
  const set = useSetKillSwitch();
  if (!mayStop || data === undefined || data.on) return null;
  return (
    <>
      <Button variant="default" fullWidth onClick={() => ask(true)}>
        Stop everything
      </Button>
      <Ask
        isOpen={isAsking}
        onClose={() => ask(false)}
        title="Stop everything"
        verb="Stop everything"
        isDangerous
        act={() => set(true, reason)}
      >
        <p style={{ margin: 0 }}>
          Rules go on to decide and to record what they would do; no action is executed.
        </p>
        <Textarea
          label="Reason"
          description="For whoever finds it stopped"
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          maxLength={1_000}
          data-autofocus
        />
      </Ask>
    </>
  );
}
