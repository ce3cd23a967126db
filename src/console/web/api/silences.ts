/** Answers about silences. */
import { queryOptions } from '@tanstack/react-query';
import { answer, client } from './client';
import type { Silence, SilencePreview } from './shapes';

export const MUTES: Record<Silence['mutes'], string> = {
  actions: 'All that acts',
  scale_down: 'What takes nodes away',
  notifications: 'Further steps and contacts',
};

/** What a silence would cover, before it is made. @param silence as it would be sent */
export const silencePreviewQuery = (silence: object) =>
  queryOptions({
    queryKey: ['silences', 'preview', silence],
    queryFn: () =>
      answer<SilencePreview>(client.POST('/api/v1/silences/preview', { body: { silence } as never })),
    placeholderData: (before) => before,
    refetchInterval: 15_000,
    retry: false,
  });
