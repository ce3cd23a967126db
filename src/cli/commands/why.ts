import type { Command } from 'commander';
import type { ShownWhy } from '../../rules/service-states';
import type { Connect } from '../client';
import { valuesText } from '../values-text';

/** Adds `monscale why`, which explains why a service is, or was, in its state. */
export function addWhy(program: Command, connect: Connect): void {
  program
    .command('why')
    .description('say why a service is as it is, or was at a moment')
    .argument('<service>', 'name or id')
    .option('--at <time>', 'a moment, like 2026-11-22T10:00:00Z; by default now')
    .action(async (service: string, { at }: { at?: string }, command: Command) => {
      const query = at === undefined ? '' : `?at=${encodeURIComponent(at)}`;
      const why = await connect(command).get<ShownWhy>(
        `/services/${encodeURIComponent(service)}/why${query}`,
      );
      console.log(whyText(service, why));
    });
}

function whyText(service: string, why: ShownWhy): string {
  const { condition, recovery, guard, toChange = [] } = why;
  return [
    `${service} at ${why.at}: ${why.phase} (${why.reason}), from ${why.from}${why.to ? ` to ${why.to}` : ''}`,
    `  ${why.explanation}`,
    ...line('values', valuesText(why.values)),
    ...line('condition', condition && filledText(condition)),
    ...line('recovery', recovery && filledText(recovery)),
    ...line('in the way', guard && `${guard.detail} (${guard.reason})`),
    ...toChange.map((sentence) => `  to change: ${sentence}`),
  ].join('\n');
}

const line = (name: string, text: string | undefined): string[] => (text ? [`  ${name}: ${text}`] : []);

const filledText = ({ text, filled, truth }: NonNullable<ShownWhy['condition']>): string =>
  `${text}: ${filled} is ${truth === null ? 'open, as a value is missing' : truth}`;
