/** Theme and time zone, on every page. */
import { ActionIcon, Menu, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import type { ReactNode } from 'react';
import { ClockIcon, ThemeIcon } from './icons';
import { chooseZone, zone, type Zone } from './preferences';
import { useStore } from './store';

interface ChoiceProps<T extends string> {
  name: string;
  icon: ReactNode;
  value: T;
  words: Record<T, string>;
  onChoose: (value: T) => void;
}

function Choice<T extends string>({ name, icon, value, words, onChoose }: ChoiceProps<T>) {
  return (
    // In the banner, where those who listen are; a menu has nothing but its choices, not even a place for the focus.
    <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon aria-label={name} title={`${name}: ${words[value]}`}>
          {icon}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown aria-label={name}>
        <Menu.RadioGroup value={value} onChange={(chosen) => onChoose(chosen as T)}>
          {(Object.keys(words) as T[]).map((one) => (
            <Menu.RadioItem key={one} value={one} closeMenuOnClick>
              {words[one]}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}

const THEMES: Record<MantineColorScheme, string> = { light: 'Light', dark: 'Dark', auto: 'System' };
const ZONES: Record<Zone, string> = { local: 'Local', utc: 'UTC' };

export function Menus() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <>
      <Choice
        name="Theme"
        icon={<ThemeIcon />}
        value={colorScheme}
        words={THEMES}
        onChoose={setColorScheme}
      />
      <Choice
        name="Time zone"
        icon={<ClockIcon />}
        value={useStore(zone)}
        words={ZONES}
        onChoose={chooseZone}
      />
    </>
  );
}
