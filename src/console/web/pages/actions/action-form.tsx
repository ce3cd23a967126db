import { useNavigate } from '@tanstack/react-router';
import type { Action, Mappings } from '../../api/shapes';
import type { StoredVersion } from '../../api/lists';
import { actionPath } from '../../app/paths';
import { usePathPart } from '../../app/path-part';
import { DefinitionForm, NameAndLabels, NumberOf, type Draft } from '../../forms/definition-form';
import { SchemaField } from '../../forms/schema-fields';
import { TypeChoice } from '../../forms/type-choice';
import type { JsonObject } from '../../forms/values';
import { Edited, New } from '../../parts/definition-page';

const RETRY = {
  type: 'object',
  description: 'What happens when a try fails but another may succeed',
  properties: {
    attempts: { type: 'integer', description: 'Tries in all', default: 5 },
    backoffSeconds: {
      type: 'number',
      description: 'Before the second try; doubles from try to try, with up to 25 % jitter',
      default: 2,
      'x-unit': 's',
    },
    maxBackoffSeconds: {
      type: 'number',
      description: 'The longest time between two tries',
      default: 300,
      'x-unit': 's',
    },
  },
};

interface ActionFormProps {
  mappings: Mappings;
  saved: JsonObject;
  stored?: StoredVersion;
}

function ActionForm({ mappings, saved, stored }: ActionFormProps) {
  const navigate = useNavigate();
  return (
    <DefinitionForm<Action>
      kind="actions"
      saved={saved}
      stored={stored}
      onSaved={({ name }) => navigate({ to: actionPath(name) })}
      cancelTo={stored === undefined ? '/actions' : actionPath(String(saved.name))}
    >
      {(draft) => (
        <>
          <NameAndLabels draft={draft} />
          <TypeChoice
            entries={mappings.actions}
            value={draft.definition}
            pointer=""
            onChange={draft.change}
          />
          <Tries draft={draft} />
        </>
      )}
    </DefinitionForm>
  );
}

const Tries = ({ draft }: { draft: Draft }) => (
  <>
    <NumberOf
      draft={draft}
      name="timeoutSeconds"
      label="Timeout"
      description="How long one try may take (seconds)"
      placeholder="30"
    />
    <SchemaField
      name="retry"
      schema={RETRY}
      isRequired={false}
      value={draft.definition.retry}
      pointer="/retry"
      onChange={draft.set('retry')}
    />
    <NumberOf
      draft={draft}
      name="concurrency"
      label="Concurrency"
      description="How many of its executions may be in flight at once; others wait"
      placeholder="no limit"
    />
    <NumberOf
      draft={draft}
      name="targetConcurrency"
      label="Target concurrency"
      description="How many executions, of any action, may be in flight at its target when one of it begins"
      placeholder="no limit"
    />
  </>
);

export const NewAction = () => (
  <New title="New action">
    {(mappings) => <ActionForm mappings={mappings} saved={{ name: '', params: {} }} />}
  </New>
);

export function EditAction() {
  const name = usePathPart('name');
  return (
    <Edited kind="actions" name={name} what="action">
      {(saved, stored, mappings) => <ActionForm mappings={mappings} saved={saved} stored={stored} />}
    </Edited>
  );
}
