/** What contacts may be told of. */
export const EVENTS = [
  'approval',
  'unknown',
  'failed',
  'silent_source',
  'silence_ending',
  'refused_sender',
  'flapping',
  'blind',
] as const;
export type EventName = (typeof EVENTS)[number];

/** Words for one and for many, and for one that is over. */
export const EVENT_WORDS: Record<EventName, readonly [one: string, many: string, over: string]> = {
  approval: ['execution waits for approval', 'executions wait for approval', 'decided'],
  unknown: ['execution ended unknown', 'executions ended unknown', 'known by now'],
  failed: ['execution failed', 'executions failed', 'done after all'],
  silent_source: ['source is silent', 'sources are silent', 'speaks again'],
  silence_ending: ['silence is about to end', 'silences are about to end', 'ended or prolonged'],
  refused_sender: ['sender is refused', 'senders are refused', 'refused no more'],
  flapping: ['rule is frozen, as it flaps', 'rules are frozen, as they flap', 'free again'],
  blind: ['service is blind', 'services are blind', 'sees again'],
};
