import { Textarea } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../../api/client';
import { ChoiceField } from '../../forms/choice-field';
import { Problems, ProblemsOf, useProblems } from '../../forms/problems';
import { required } from '../../forms/required';
import { Ask } from '../../parts/ask';

const LENGTHS = [
  { value: '3600', label: '1 hour' },
  { value: '14400', label: '4 hours' },
  { value: '86400', label: '1 day' },
];

interface AcknowledgeProps {
  id: string;
  name: string;
  onClose: () => void;
}

/** Says of an alarm that somebody knows: whom it would tell next is not told meanwhile. */
export function Acknowledge({ id, name, onClose }: AcknowledgeProps) {
  const [note, setNote] = useState('');
  const [seconds, setSeconds] = useState('14400');
  const [error, setError] = useState<unknown>(null);
  const problems = useProblems(error);
  const queries = useQueryClient();
  const act = async () => {
    setError(null);
    try {
      await answer(
        client.POST('/api/v1/services/{ref}/acknowledge', {
          params: { path: { ref: id } },
          body: { note, forSeconds: Number(seconds) },
        }),
      );
    } catch (problem) {
      setError(problem);
      throw problem;
    }
    await queries.invalidateQueries({ queryKey: ['services'] });
  };
  return (
    <Ask
      isOpen
      onClose={onClose}
      title={`Acknowledge ${name}`}
      verb="Acknowledge"
      saysProblems={false}
      act={act}
    >
      <ProblemsOf value={problems}>
        <p style={{ margin: 0 }}>
          Its further steps wait until the alarm is over, or that time is. Scaling goes on.
        </p>
        <Problems problems={problems} title="This is not acknowledged" />
        <Textarea
          {...problems.field('/note')}
          {...required}
          label="Note"
          description="What is known, or done about it"
          autosize
          data-autofocus
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
        />
        <ChoiceField
          {...problems.field('/forSeconds')}
          label="For"
          choices={LENGTHS}
          value={seconds}
          onChange={(chosen = '14400') => setSeconds(chosen)}
        />
      </ProblemsOf>
    </Ask>
  );
}
