import { Button, Stack, TextInput } from '@mantine/core';
import type { Mappings } from '../../api/shapes';
import { useField } from '../../forms/problems';
import { required } from '../../forms/required';
import { SchemaFields } from '../../forms/schema-fields';
import { TypeChoice } from '../../forms/type-choice';
import { token, withMember, type JsonObject } from '../../forms/values';
import { type Metric } from './definition';
import { TryMetric } from './try-metric';
import { WalkSnmp } from './walk-snmp';

interface MetricsFieldsProps {
  mappings: Mappings;
  metrics: readonly Metric[];
  onChange: (metrics: Metric[]) => void;
}

export function MetricsFields({ mappings, metrics, onChange }: MetricsFieldsProps) {
  const { id, error } = useField('/metrics');
  const isOfAll = error !== undefined && metrics.length === 0;
  return (
    <Stack gap="sm" role="group" aria-label="Metrics">
      {metrics.map((metric, index) => (
        <MetricFields
          key={metric.key}
          mappings={mappings}
          metric={metric}
          number={index + 1}
          onChange={(changed) => onChange(metrics.with(index, changed))}
          onRemove={() => onChange(metrics.toSpliced(index, 1))}
        />
      ))}
      <div>
        <Button
          id={isOfAll ? id : undefined}
          aria-invalid={isOfAll || undefined}
          variant="default"
          onClick={() => onChange([...metrics, { key: nextKey(metrics), name: '', choice: {} }])}
        >
          Add metric
        </Button>
        {isOfAll ? <p className="problem">{error}</p> : null}
      </div>
    </Stack>
  );
}

const nextKey = (metrics: readonly Metric[]): number => Math.max(0, ...metrics.map(({ key }) => key)) + 1;

interface MetricFieldsProps {
  mappings: Mappings;
  metric: Metric;
  number: number;
  onChange: (metric: Metric) => void;
  onRemove: () => void;
}

function MetricFields({ mappings, metric, number, onChange, onRemove }: MetricFieldsProps) {
  const { name, choice } = metric;
  const pointer = `/metrics/${token(name)}`;
  const named = useField(pointer, true);
  const change = (changed: JsonObject) => onChange({ ...metric, choice: changed });
  return (
    <fieldset className="group">
      <legend>{name === '' ? `Metric ${number}` : `Metric ${name}`}</legend>
      <Stack gap="sm">
        <TextInput
          {...named}
          label="Variable"
          description="Its name in the condition"
          {...required}
          value={name}
          onChange={(event) => onChange({ ...metric, name: event.currentTarget.value })}
        />
        <TypeChoice entries={mappings.metrics} value={choice} pointer={pointer} onChange={change} />
        {choice.type === undefined ? null : (
          <details className="fold">
            <summary>Window and timeout</summary>
            <SchemaFields schema={BESIDE_PARAMS} value={choice} pointer={pointer} onChange={change} />
          </details>
        )}
        {choice.type === undefined ? null : <TryMetric choice={choice} />}
        {choice.type === 'snmp_oid' ? (
          <WalkSnmp
            params={choice.params}
            onPick={(oid) => change({ ...choice, params: withMember(choice.params, 'oid', oid) })}
          />
        ) : null}
        <div>
          <Button variant="subtle" size="compact-sm" onClick={onRemove}>
            Remove {name === '' ? `metric ${number}` : name}
          </Button>
        </div>
      </Stack>
    </fieldset>
  );
}

/** What a metric has beside its type and params. */
const BESIDE_PARAMS = {
  type: 'object',
  properties: {
    timeoutSeconds: { type: 'number', 'x-unit': 's', description: 'How long one read may take', default: 5 },
    window: {
      type: 'object',
      description: 'The number is made of its readings of the last seconds',
      properties: {
        function: {
          type: 'string',
          enum: ['avg', 'min', 'max', 'sum', 'last', 'count', 'p50', 'p90', 'p95', 'p99', 'rate', 'delta'],
          description: 'What is made of the readings in the window',
        },
        seconds: { type: 'number', 'x-unit': 's', description: 'How far it goes back from now' },
      },
      required: ['function', 'seconds'],
    },
  },
};
