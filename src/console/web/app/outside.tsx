/** Frame of the pages for who is not signed in. */
import { Container, Group } from '@mantine/core';
import type { ReactNode } from 'react';
import { Menus } from './menus';

export const Outside = ({ children }: { children: ReactNode }) => (
  <Container size={420} py="md">
    <Group component="header" justify="space-between" mb="xl">
      <span className="brand">monscale</span>
      <Group gap={4}>
        <Menus />
      </Group>
    </Group>
    <main>{children}</main>
  </Container>
);
