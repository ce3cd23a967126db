import type { Command } from 'commander';
import { Refused, type Client, type Connect } from '../client';
import { statusText, type StatusFacts } from '../status-text';

/** Exit code when something is wrong or waits for a person. */
const NOT_WELL = 2;
const FORBIDDEN = 403;
const NOT_FOUND = 404;
const SHOWN = 10;
/** What executions wait for a person for. */
const WAITING = ['awaiting_approval', 'unknown', 'held'];

/** Adds `monscale status`, which says what is wrong now and what waits. */
export function addStatus(program: Command, connect: Connect): void {
  program
    .command('status')
    .description(
      'say what is wrong now, what waits for a person, and what lives; exit code 0: all is well, 2: not all, 1: it can not be told',
    )
    .action(async (_options: object, command: Command) => {
      const { text, isWell } = statusText(await factsFrom(connect(command)));
      console.log(text);
      if (!isWell) process.exitCode = NOT_WELL;
    });
}

async function factsFrom(client: Client): Promise<StatusFacts> {
  const [killSwitch, services, troubled, system, rulesDirectory, ...waiting] = await Promise.all([
    client.get<StatusFacts['killSwitch']>('/kill-switch'),
    client.get<StatusFacts['services']>('/services/counts?enabled=true'),
    client.get<{ items: StatusFacts['troubled'] }>(
      `/services?phase=alarm,unknown&enabled=true&sort=severity&include=state&limit=${SHOWN}`,
    ),
    client.get<StatusFacts['system']>('/system').catch(ifRefused),
    client.get<StatusFacts['rulesDirectory']>('/rules-directory').catch(ifUnknown),
    ...WAITING.map(async (status) => {
      const { items, total, totalAtLeast } = await client.get<Waiting>(
        `/executions?status=${status}&limit=${SHOWN}`,
      );
      return { status, items, total: total ?? totalAtLeast ?? items.length };
    }),
  ]);
  return { killSwitch, services, troubled: troubled.items, system, rulesDirectory, waiting };
}

interface Waiting {
  items: StatusFacts['waiting'][number]['items'];
  total?: number;
  totalAtLeast?: number;
}

/** Who reads within a scope may not read of the program as a whole. */
function ifRefused(error: unknown): undefined {
  if (error instanceof Refused && error.status === FORBIDDEN) return undefined;
  throw error;
}

/** A server of an earlier version has none. */
function ifUnknown(error: unknown): undefined {
  if (error instanceof Refused && error.status === NOT_FOUND) return undefined;
  return ifRefused(error);
}
