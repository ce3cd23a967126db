import { NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { reportQuery } from '../../api/queries';
import { Section } from '../../parts/section';
import { lasting } from '../../parts/time';

const DAYS = ['1', '7', '30'].map((value) => ({ value, label: value === '1' ? '1 day' : `${value} days` }));

/** What the rule came to over some days; in shadow, what it would have done. */
export function Lately({ id, mode }: { id: string; mode: string }) {
  const [days, setDays] = useState('7');
  const { data } = useQuery(reportQuery(id, Number(days)));
  return (
    <Section
      title="Report"
      beside={
        <NativeSelect
          aria-label="Days of the report"
          data={DAYS}
          value={days}
          onChange={(event) => setDays(event.currentTarget.value)}
        />
      }
    >
      {data === undefined ? null : (
        <dl className="facts">
          <Fact name={mode === 'shadow' ? 'Triggers it would have had' : 'Triggers'} value={data.triggers} />
          <Fact name="In alarm" value={lasting(data.secondsInAlarm)} />
          <Fact name="At a limit" value={lasting(data.secondsAtLimit)} />
          <Fact name="Blind" value={lasting(data.secondsMissing)} />
          {Object.entries(data.executions).map(([status, count]) => (
            <Fact key={status} name={`Executions ${status.replaceAll('_', ' ')}`} value={count} />
          ))}
          {Object.entries(data.effects).map(([outcome, count]) => (
            <Fact key={outcome} name={`Triggers that ${outcome}`} value={count} />
          ))}
        </dl>
      )}
    </Section>
  );
}

const Fact = ({ name, value }: { name: string; value: string | number }) => (
  <div>
    <dt>{name}</dt>
    <dd className="number">{value}</dd>
  </div>
);
