import { Button, Group, Stack } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import type { StoredVersion } from '../../api/lists';
import type { CatalogueEntry, Infrastructure, Mappings } from '../../api/shapes';
import { infrastructurePath } from '../../app/paths';
import { usePathPart } from '../../app/path-part';
import { DefinitionForm, NameAndLabels, NumberOf, type Draft } from '../../forms/definition-form';
import { TypeChoice } from '../../forms/type-choice';
import { isObject, type JsonObject } from '../../forms/values';
import { Edited, New } from '../../parts/definition-page';

const NUMBERS: [name: string, label: string, description: string, placeholder: string][] = [
  ['minNodes', 'Fewest nodes', 'It is never scaled below', '1'],
  ['maxNodes', 'Most nodes', 'It is never scaled above', '8'],
  [
    'upWisdomSeconds',
    'Up wisdom time',
    'After it was scaled up, no service scales it up for this long (seconds)',
    '0',
  ],
  [
    'downWisdomSeconds',
    'Down wisdom time',
    'After it was scaled down, no service scales it down for this long (seconds)',
    '0',
  ],
  [
    'warmupSeconds',
    'Warm-up',
    'How long its counter may take to show what an action has done (seconds)',
    '0',
  ],
  [
    'maxDirectionChangesPerHour',
    'Changes of direction an hour',
    'More changes between up and down within an hour freeze its scaling for an hour',
    '6',
  ],
];

interface InfrastructureFormProps {
  mappings: Mappings;
  saved: JsonObject;
  stored?: StoredVersion;
}

function InfrastructureForm({ mappings, saved, stored }: InfrastructureFormProps) {
  const navigate = useNavigate();
  return (
    <DefinitionForm<Infrastructure>
      kind="infrastructures"
      saved={saved}
      stored={stored}
      onSaved={({ name }) => navigate({ to: infrastructurePath(name) })}
      cancelTo={stored === undefined ? '/infrastructures' : infrastructurePath(String(saved.name))}
    >
      {(draft) => (
        <>
          <NameAndLabels draft={draft} />
          {NUMBERS.map(([name, label, description, placeholder]) => (
            <NumberOf
              key={name}
              draft={draft}
              name={name}
              label={label}
              description={description}
              placeholder={placeholder}
            />
          ))}
          <Part
            draft={draft}
            name="nodes"
            title="How its nodes are counted"
            hint="Without it no service can scale it."
            entries={mappings.metrics.filter(({ type }) => !FED.has(type))}
          />
          <Part
            draft={draft}
            name="loadBalancer"
            title="Load balancer"
            hint="The pool whose members follow its nodes."
            entries={mappings.loadBalancers}
          />
        </>
      )}
    </DefinitionForm>
  );
}

/** Metrics that nobody polls, or that count through an infrastructure themselves. */
const FED = new Set(['alert', 'number_of_nodes', 'snmp_oid_average', 'instances']);

interface PartProps {
  draft: Draft;
  name: string;
  title: string;
  hint: string;
  entries: CatalogueEntry[];
}

/** A mapping that may be left out. */
function Part({ draft: { definition, set }, name, title, hint, entries }: PartProps) {
  const value = definition[name];
  return (
    <fieldset className="group">
      <legend>{title}</legend>
      <p className="hint">{hint}</p>
      {isObject(value) ? (
        <Stack gap="sm">
          <TypeChoice entries={entries} value={value} pointer={`/${name}`} onChange={set(name)} />
          <Group>
            <Button variant="subtle" px="xs" onClick={() => set(name)(undefined)}>
              Leave it out
            </Button>
          </Group>
        </Stack>
      ) : (
        <Button variant="default" onClick={() => set(name)({ params: {} })}>
          Choose
        </Button>
      )}
    </fieldset>
  );
}

export const NewInfrastructure = () => (
  <New title="New infrastructure">
    {(mappings) => <InfrastructureForm mappings={mappings} saved={{ name: '', nodes: { params: {} } }} />}
  </New>
);

export function EditInfrastructure() {
  const name = usePathPart('name');
  return (
    <Edited kind="infrastructures" name={name} what="infrastructure">
      {(saved, stored, mappings) => <InfrastructureForm mappings={mappings} saved={saved} stored={stored} />}
    </Edited>
  );
}
