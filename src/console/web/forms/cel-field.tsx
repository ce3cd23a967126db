import { Input } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useField } from './problems';

const CelEditor = lazy(() => import('./cel-editor').then(({ CelEditor }) => ({ default: CelEditor })));

interface CelFieldProps {
  label: string;
  description: string;
  isRequired?: boolean;
  pointer: string;
  value: string;
  /** Names that an expression may use. */
  metrics: readonly string[];
  onChange: (value: string) => void;
}

/** An expression in CEL, with completion and its mistakes underlined while it is typed. */
export function CelField({
  label,
  description,
  isRequired,
  pointer,
  value,
  metrics,
  onChange,
}: CelFieldProps) {
  const { id, error } = useField(pointer);
  const described = [`${id}-description`, ...(error === undefined ? [] : [`${id}-error`])].join(' ');
  return (
    <Input.Wrapper
      label={label}
      labelElement="div"
      description={description}
      descriptionProps={{ id: `${id}-description` }}
      error={error}
      errorProps={{ id: `${id}-error` }}
      labelProps={isRequired ? { 'data-required': '' } : undefined}
    >
      <Suspense fallback={<div className="cel" />}>
        <CelEditor
          attributes={{
            id,
            'aria-label': label,
            'aria-describedby': described,
            'aria-invalid': error === undefined ? 'false' : 'true',
            'aria-required': isRequired ? 'true' : 'false',
          }}
          value={value}
          metrics={metrics}
          onChange={onChange}
        />
      </Suspense>
    </Input.Wrapper>
  );
}
