/** What is one's own: rights, tokens and sessions. */
import { Stack } from '@mantine/core';
import { rightsWords } from '../api/people';
import { useSession } from '../app/rights';
import { Page } from '../parts/page';
import { Section } from '../parts/section';
import { OwnPassword } from './people/own-password';
import { SessionsSection } from './people/sessions-section';
import { TokensSection } from './people/tokens-section';

export function Account() {
  const { user, rights } = useSession();
  return (
    <Page title="Your account">
      <Stack gap="lg">
        <Section title="You">
          <p className="text">
            <b dir="auto">{user.displayName ?? user.name}</b>
            {user.groups.length === 0 ? null : `, in ${user.groups.join(', ')}`}. You may:
          </p>
          <ul>
            {rights.grants.map(({ role, approve, scope }, index) => (
              <li key={index}>{rightsWords({ role: role ?? undefined, approve, scope })}</li>
            ))}
          </ul>
        </Section>
        <OwnPassword />
        <TokensSection title="Your tokens" />
        <SessionsSection title="Your sessions" />
      </Stack>
    </Page>
  );
}
