/** Props of an input that must be filled: told to all, and shown by a star that is no part of the label. */
export const required = { 'aria-required': true, labelProps: { 'data-required': '' } } as const;
