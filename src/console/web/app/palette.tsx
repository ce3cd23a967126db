/** Goes to any page or thing by its name: Ctrl K. */
import { Modal, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useId, useState, type KeyboardEvent } from 'react';
import { actionsQuery, contactsQuery, infrastructuresQuery } from '../api/queries';
import { foundServicesQuery } from '../api/services';
import { NAVIGATION } from './navigation';
import { actionPath, contactPath, infrastructurePath, servicePath } from './paths';
import { useSession, may } from './rights';
import { useSettled } from './settled';

interface Target {
  kind: string;
  name: string;
  to: string;
}

const SHOWN_AT_MOST = 30;

function useTargets(text: string): Target[] {
  const session = useSession();
  const { data: services } = useQuery(foundServicesQuery(useSettled(text)));
  const { data: infrastructures } = useQuery(infrastructuresQuery);
  const { data: actions } = useQuery(actionsQuery);
  const { data: contacts } = useQuery(contactsQuery);
  const wanted = text.trim().toLowerCase();
  const fits = ({ name }: { name: string }) => name.toLowerCase().includes(wanted);
  const pages = NAVIGATION.filter(({ needs }) => may(session, needs)).map(({ label, to }) => ({
    kind: 'Page',
    name: label,
    to,
  }));
  return [
    ...pages.filter(fits),
    ...(services ?? []).filter(fits).map(({ name }) => ({ kind: 'Service', name, to: servicePath(name) })),
    ...(infrastructures ?? [])
      .filter(fits)
      .map(({ name }) => ({ kind: 'Infrastructure', name, to: infrastructurePath(name) })),
    ...(actions ?? []).filter(fits).map(({ name }) => ({ kind: 'Action', name, to: actionPath(name) })),
    ...(contacts ?? []).filter(fits).map(({ name }) => ({ kind: 'Contact', name, to: contactPath(name) })),
  ].slice(0, SHOWN_AT_MOST);
}

export function Palette({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Go to…" yOffset="10vh" centered={false}>
      <Choices onClose={onClose} />
    </Modal>
  );
}

function Choices({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const navigate = useNavigate();
  const list = useId();
  const targets = useTargets(text);
  const chosen = Math.min(at, targets.length - 1);
  const go = ({ to }: Target) => {
    onClose();
    void navigate({ to });
  };
  const press = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined && targets.length > 0) {
      event.preventDefault();
      setAt((chosen + by + targets.length) % targets.length);
    }
    const target = targets[chosen];
    if (event.key === 'Enter' && target !== undefined) {
      event.preventDefault();
      go(target);
    }
  };
  return (
    <>
      <TextInput
        aria-label="Name of a page or thing"
        role="combobox"
        aria-expanded={targets.length > 0}
        aria-controls={list}
        aria-activedescendant={targets.length > 0 ? `${list}-${chosen}` : undefined}
        autoComplete="off"
        data-autofocus
        value={text}
        onKeyDown={press}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
      />
      {targets.length === 0 ? (
        <p role="status">Nothing has that in its name.</p>
      ) : (
        <ul id={list} role="listbox" aria-label="Pages and things" className="choices">
          {targets.map((target, index) => (
            <li
              key={`${target.kind} ${target.name}`}
              id={`${list}-${index}`}
              role="option"
              aria-selected={index === chosen}
              onClick={() => go(target)}
            >
              <span>{target.name}</span>
              <small>{target.kind}</small>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
