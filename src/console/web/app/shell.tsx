/** Frame of every page of who is signed in. */
import { ActionIcon, AppShell, Burger, Button, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Outlet } from '@tanstack/react-router';
import { SearchIcon } from './icons';
import { KeysHelp } from './keys-help';
import { useKeys } from './keys';
import { StopEverything, StoppedBanner } from './kill-switch';
import { AppLink } from './link';
import { Menus } from './menus';
import { Navigation } from './navigation';
import { Palette } from './palette';
import { useSession } from './rights';
import { SignInDialog } from './sign-in-dialog';
import { SignOut } from './sign-out';
import { StaleBadge } from './stale';
import { WaitForYou } from './waiting';

export function Shell() {
  const { user } = useSession();
  const [hasNavigation, navigation] = useDisclosure(false);
  const [hasPalette, palette] = useDisclosure(false);
  const [hasHelp, help] = useDisclosure(false);
  useKeys(palette.open, help.open);
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 210, breakpoint: 'sm', collapsed: { mobile: !hasNavigation } }}
      padding="md"
    >
      <a className="skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <AppShell.Header>
        <Group h="100%" px="sm" gap="xs" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger
              opened={hasNavigation}
              onClick={navigation.toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label="Navigation"
              aria-expanded={hasNavigation}
            />
            <AppLink to="/" className="brand">
              monscale
            </AppLink>
          </Group>
          <Group gap={4} wrap="nowrap">
            <WaitForYou />
            <Button
              variant="default"
              size="compact-md"
              visibleFrom="sm"
              leftSection={<SearchIcon />}
              onClick={palette.open}
            >
              Go to…{' '}
              <Text span c="dimmed" size="xs" ml={8}>
                Ctrl K
              </Text>
            </Button>
            <ActionIcon aria-label="Go to…" hiddenFrom="sm" onClick={palette.open}>
              <SearchIcon />
            </ActionIcon>
            <Menus />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Pages">
        <Navigation onChoose={navigation.close} />
        <Stack gap="xs" mt="auto" pt="md">
          <StopEverything />
          <Text size="sm" c="dimmed">
            {user.displayName ?? user.name}
          </Text>
          <SignOut />
        </Stack>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <StaleBadge />
        <StoppedBanner />
        <Outlet />
      </AppShell.Main>
      <Palette isOpen={hasPalette} onClose={palette.close} />
      <KeysHelp isOpen={hasHelp} onClose={help.close} />
      <SignInDialog />
    </AppShell>
  );
}

/** A link to `#main` would be one to the base of the page. */
function skip(event: { preventDefault(): void }): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
