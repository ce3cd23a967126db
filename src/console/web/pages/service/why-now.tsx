import { List, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { serviceStateQuery, whyQuery } from '../../api/queries';
import { Failure, Waiting } from '../../parts/page';
import { Phase, reasonWords } from '../../parts/phase';
import { Countdown, Since, Time } from '../../parts/time';
import { Section } from '../../parts/section';
import { Acknowledged, DependsOn, Silenced } from './muted';

/** The sentence, what runs out when, and what would have to change. */
export function WhyNow({ id }: { id: string }) {
  const { data: state, error } = useQuery(serviceStateQuery(id));
  const { data: why } = useQuery(whyQuery(id));
  if (state === undefined)
    return <Section title="Why">{error === null ? <Waiting /> : <Failure error={error} />}</Section>;
  return (
    <Section title="Why">
      <Failure error={error} />
      <Stack className="panel" gap="xs">
        <span>
          <Phase phase={state.phase} /> for <Since at={state.since} />, reason:{' '}
          <b>{reasonWords(state.reason)}</b>
        </span>
        <p style={{ margin: 0, fontSize: '1.05rem' }}>{state.explanation}</p>
        {state.holdUntil === undefined ? null : <Countdown what="Hold ends in" to={state.holdUntil} />}
        {state.wisdomUntil === undefined ? null : (
          <Countdown what="Wisdom time ends in" to={state.wisdomUntil} />
        )}
        <Silenced state={state} />
        <DependsOn id={id} isStopped={state.reason === 'dependency'} />
        <Acknowledged id={id} state={state} />
        {state.lastTriggeredAt === undefined ? null : (
          <span>
            Triggered last <Time at={state.lastTriggeredAt} />
          </span>
        )}
        {why?.condition === undefined ? null : (
          <span>
            Condition: <span className="code">{why.condition.text}</span>
            {why.condition.filled === why.condition.text ? null : (
              <>
                , that is <span className="code">{why.condition.filled}</span>
              </>
            )}
          </span>
        )}
        {why?.recovery === undefined ? null : (
          <span>
            Recovery: <span className="code">{why.recovery.text}</span>, that is{' '}
            <span className="code">{why.recovery.filled}</span>
          </span>
        )}
        {why?.toChange === undefined || why.toChange.length === 0 ? null : (
          <div>
            {toChangeIs(state.reason)}
            <List size="sm">
              {why.toChange.map((one) => (
                <List.Item key={one}>{one}</List.Item>
              ))}
            </List>
          </div>
        )}
      </Stack>
    </Section>
  );
}

/** Words above what would have to change: what has triggered need not do so any more. */
function toChangeIs(reason: string): string {
  if (reason === 'triggered') return 'What comes next:';
  return reason === 'shadowed' || reason === 'awaiting_approval' ? 'For it to act:' : 'For it to trigger:';
}
