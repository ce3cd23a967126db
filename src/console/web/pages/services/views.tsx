import { Button, Group, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useFilters } from '../../app/filters';
import { AppLink } from '../../app/link';
import { forgetView, savedViews, saveView } from '../../app/saved-views';
import { parseSearch, stringifySearch } from '../../app/search';
import { useStore } from '../../app/store';
import { Ask } from '../../parts/ask';

/** Views that are kept in this browser, each a link; and keeping what is shown as one. */
export function Views() {
  const views = useStore(savedViews);
  const [filters] = useFilters();
  const [isNaming, name] = useState(false);
  const here = stringifySearch(filters);
  const shown = views.find(({ search }) => search === here);
  return (
    <Group gap="xs" role="group" aria-label="Saved views">
      {views.map((view) => (
        <AppLink
          key={view.name}
          to="/services"
          search={parseSearch(view.search)}
          aria-current={view === shown ? 'true' : undefined}
          dir="auto"
        >
          {view.name}
        </AppLink>
      ))}
      {here === '' || shown !== undefined ? null : (
        <Button variant="subtle" px="xs" size="compact-md" onClick={() => name(true)}>
          Save this view
        </Button>
      )}
      {shown === undefined ? null : (
        <Button variant="subtle" px="xs" size="compact-md" onClick={() => forgetView(shown.name)}>
          Forget this view
        </Button>
      )}
      {isNaming ? <NameView search={here} onClose={() => name(false)} /> : null}
    </Group>
  );
}

function NameView({ search, onClose }: { search: string; onClose: () => void }) {
  const [name, setName] = useState('');
  return (
    <Ask
      isOpen
      onClose={onClose}
      title="Save this view"
      verb="Save"
      act={async () => {
        if (name.trim() === '') throw new Error('It needs a name');
        saveView({ name, search });
      }}
    >
      <TextInput
        label="Name"
        description="It is kept in this browser; its address can be sent to others"
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </Ask>
  );
}
