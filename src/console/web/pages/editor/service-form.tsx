/** The one form of a service: all of its definition, without steps. */
import { Button, Group, Stack, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { answer, client } from '../../api/client';
import { Problem } from '../../api/problem';
import type { Mappings, Service, ServiceDefinition } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { servicePath } from '../../app/paths';
import { noteUnsaved } from '../../app/sign-in-again';
import { CelField } from '../../forms/cel-field';
import { AsText } from '../../forms/as-text';
import { Form } from '../../forms/form';
import { MapField } from '../../forms/map-field';
import { NumberField } from '../../forms/number-field';
import { Problems, ProblemsOf, useProblems } from '../../forms/problems';
import { required } from '../../forms/required';
import { withMember, type JsonObject } from '../../forms/values';
import { Page } from '../../parts/page';
import { Backtest } from './backtest';
import { Consequences } from './consequences';
import { Conflict } from './conflict';
import { metricsOf, nameProblems, sent } from './definition';
import { MetricsFields } from './metrics-fields';

interface ServiceFormProps {
  title: string;
  mappings: Mappings;
  /** Definition that the form begins with. */
  saved: JsonObject;
  /** What is stored, of a service that is there. */
  stored?: { id: string; etag: string | null };
}

export function ServiceForm({ title, mappings, saved, stored }: ServiceFormProps) {
  const [definition, setDefinition] = useState(saved);
  const [metrics, setMetrics] = useState(() => metricsOf(saved));
  const [etag, setEtag] = useState(stored?.etag ?? null);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const body = useMemo(() => sent(definition, metrics), [definition, metrics]);
  const save = useMutation({
    mutationFn: () => {
      const wrong = nameProblems(metrics);
      if (wrong.length > 0) throw new Problem(400, 'The input is wrong', wrong);
      return send(body as unknown as ServiceDefinition, stored?.id, etag);
    },
    onSuccess: async ({ name }) => {
      setUnsaved(false);
      await queries.invalidateQueries({ queryKey: ['services'] });
      await navigate({ to: servicePath(name) });
    },
  });
  const [isUnsaved, setUnsaved] = useState(false);
  useEffect(() => (isUnsaved ? noteUnsaved() : undefined), [isUnsaved]);
  const problems = useProblems(save.error);
  const set = (name: string) => (value: unknown) => {
    setUnsaved(true);
    setDefinition((before) => withMember(before, name, value));
  };
  const text = (name: string) => (event: { currentTarget: { value: string } }) =>
    set(name)(event.currentTarget.value);
  const shown = (name: string) => (typeof definition[name] === 'string' ? definition[name] : '');
  const names = metrics.map(({ name }) => name).filter((name) => name !== '');
  return (
    <Page title={title}>
      <Form sends={save}>
        <ProblemsOf value={problems}>
          <div className={stored === undefined ? undefined : 'beside wide'}>
            <Stack gap="md" maw={860}>
              {save.error instanceof Problem && save.error.status === 412 && stored !== undefined ? (
                <Conflict id={stored.id} mine={body} saved={saved} onKeepMine={setEtag} />
              ) : (
                <Problems problems={problems} />
              )}
              <TextInput
                {...problems.field('/name')}
                label="Name"
                {...required}
                value={shown('name')}
                onChange={text('name')}
              />
              <Textarea
                {...problems.field('/description')}
                label="Description"
                description="What it is for, for people"
                autosize
                value={shown('description')}
                onChange={text('description')}
              />
              <MapField
                name="labels"
                schema={{ type: 'object', description: 'For filters, rights and templates' }}
                isRequired={false}
                value={definition.labels}
                pointer="/labels"
                onChange={set('labels')}
              />
              <NumberField
                {...problems.field('/intervalSeconds')}
                label="Interval"
                description="How often its metrics are read (seconds)"
                placeholder="30"
                value={definition.intervalSeconds}
                onChange={set('intervalSeconds')}
              />
              <MetricsFields
                mappings={mappings}
                metrics={metrics}
                onChange={(changed) => {
                  setUnsaved(true);
                  setMetrics(changed);
                }}
              />
              <CelField
                label="Condition"
                description="When something is wrong, over the metrics' variables: cpu > 80 && errors > 5"
                isRequired
                pointer="/condition"
                value={shown('condition')}
                metrics={names}
                onChange={set('condition')}
              />
              <CelField
                label="Recovery"
                description="When an alarm ends; without it, as soon as the condition is false"
                pointer="/recovery"
                value={shown('recovery')}
                metrics={names}
                onChange={set('recovery')}
              />
              <NumberField
                {...problems.field('/holdSeconds')}
                label="Hold"
                description="How long the condition must stay true before it triggers (seconds)"
                placeholder="0"
                value={definition.holdSeconds}
                onChange={set('holdSeconds')}
              />
              <NumberField
                {...problems.field('/wisdomSeconds')}
                label="Wisdom time"
                description="After a trigger, no other for this long (seconds)"
                placeholder="120"
                value={definition.wisdomSeconds}
                onChange={set('wisdomSeconds')}
              />
              <Consequences mappings={mappings} definition={definition} set={set} />
              <Group>
                <Button type="submit" aria-busy={save.isPending}>
                  Save
                </Button>
                <Button
                  variant="default"
                  component={AppLink}
                  to={stored === undefined ? '/services' : servicePath(String(saved.name))}
                >
                  Cancel
                </Button>
              </Group>
              <AsText
                body={body}
                kind="services"
                method={stored === undefined ? 'POST' : 'PUT'}
                path={stored === undefined ? '/api/v1/services' : `/api/v1/services/${stored.id}`}
              />
            </Stack>
            {stored === undefined ? null : (
              <Backtest id={stored.id} saved={saved} edited={body} onCondition={set('condition')} />
            )}
          </div>
        </ProblemsOf>
      </Form>
    </Page>
  );
}

function send(body: ServiceDefinition, id: string | undefined, etag: string | null): Promise<Service> {
  if (id === undefined) return answer<Service>(client.POST('/api/v1/services', { body }));
  const params = { path: { ref: id }, header: etag === null ? {} : { 'If-Match': etag } };
  return answer<Service>(client.PUT('/api/v1/services/{ref}', { params, body }));
}
