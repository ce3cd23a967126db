import type { SilenceMatch } from '../../api/shapes';

const NAMED = 3;

const listed = (word: string, names: readonly string[] | undefined): string[] => {
  if (names === undefined) return [];
  const more = names.length - NAMED;
  return [`${word} ${names.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
};

/** What a silence covers, in words. */
export const matchWords = ({ services, labels, infrastructures }: SilenceMatch): string =>
  [
    ...listed('services', services),
    ...listed('labels', labels && Object.entries(labels).map(([key, value]) => `${key}=${value}`)),
    ...listed('infrastructures', infrastructures),
  ].join('; ');
