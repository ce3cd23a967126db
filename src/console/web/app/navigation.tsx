/** Pages in the order of the navigation. A page that is added gets a line here and one in `routes.tsx`. */
import { NavLink } from '@mantine/core';
import { useRouterState } from '@tanstack/react-router';
import type { Right } from '../api/shapes';
import { AppLink } from './link';
import { may, useSession } from './rights';

interface Entry {
  label: string;
  to: string;
  /** Right without which it is not shown. */
  needs: Right;
}

export const NAVIGATION: Entry[] = [
  { label: 'Overview', to: '/', needs: 'viewer' },
  { label: 'Services', to: '/services', needs: 'viewer' },
  { label: 'Executions', to: '/executions', needs: 'viewer' },
  { label: 'Approvals', to: '/approvals', needs: 'viewer' },
  { label: 'Silences', to: '/silences', needs: 'viewer' },
  { label: 'Actions', to: '/actions', needs: 'viewer' },
  { label: 'Contacts', to: '/contacts', needs: 'viewer' },
  { label: 'Infrastructures', to: '/infrastructures', needs: 'viewer' },
  { label: 'Alerts', to: '/alerts', needs: 'viewer' },
  { label: 'Sources', to: '/sources', needs: 'viewer' },
  { label: 'Import', to: '/import', needs: 'viewer' },
  { label: 'People', to: '/people', needs: 'admin' },
  { label: 'Audit', to: '/audit', needs: 'admin' },
  { label: 'System', to: '/system', needs: 'viewer' },
  { label: 'Your account', to: '/account', needs: 'viewer' },
];

const isWithin = (path: string, to: string): boolean =>
  to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`);

export function Navigation({ onChoose }: { onChoose: () => void }) {
  const session = useSession();
  const path = useRouterState({ select: ({ location }) => location.pathname });
  return (
    <>
      {NAVIGATION.filter(({ needs }) => may(session, needs)).map(({ label, to }) => (
        <NavLink
          key={to}
          component={AppLink}
          to={to}
          label={label}
          active={isWithin(path, to)}
          aria-current={isWithin(path, to) ? 'page' : undefined}
          onClick={onChoose}
        />
      ))}
    </>
  );
}
