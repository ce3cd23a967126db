import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Client, Connect } from '../client';

/** Exit code when something stays held. */
const SOME_HELD = 2;

interface Item {
  id: string;
  service?: string;
  action: string;
  createdAt: string;
  was: string;
  means: string;
}

interface Resumption {
  total: number;
  resumed: number;
  changed: { id: string; detail: string }[];
  items: Item[];
}

interface Options {
  dryRun?: boolean;
  execution: string[];
  resolve?: 'succeeded' | 'failed';
  note?: string;
}

/** Adds `monscale resume`, by which a person says what goes on after the database was restored. */
export function addResume(program: Command, connect: Connect): void {
  program
    .command('resume')
    .description(
      'let executions go on that are held since the database was restored; exit code 0: none is held any more, 2: some are, 1: it can not be told',
    )
    .option('--dry-run', 'change nothing: list what is held, and what going on means for each')
    .option('--execution <id>', 'this one alone; may be given several times', gathered, [])
    .addOption(
      new Option('--resolve <outcome>', 'do not go on with them: write down what came of them').choices([
        'succeeded',
        'failed',
      ]),
    )
    .option('--note <text>', 'how you know, for --resolve')
    .action(async (options: Options, command: Command) => {
      const client = connect(command);
      const { dryRun = false, execution, resolve, note } = options;
      if (resolve !== undefined) await resolveAll(client, execution, resolve, note, dryRun);
      else {
        const given = execution.length === 0 ? { dryRun } : { dryRun, executions: execution };
        console.log(textOf(await client.post<Resumption>('/executions/resume', given), dryRun));
      }
      const { total } = await client.post<Resumption>('/executions/resume', { dryRun: true });
      if (total > 0) process.exitCode = SOME_HELD;
    });
}

/** Ends held executions as a person found them at their targets. */
async function resolveAll(
  client: Client,
  executions: readonly string[],
  status: 'succeeded' | 'failed',
  note: string | undefined,
  dryRun: boolean,
): Promise<void> {
  if (executions.length === 0) throw new Error('--resolve needs --execution <id>: say which of them');
  if (note === undefined) throw new Error('--resolve needs --note <text>: how you know what came of them');
  for (const id of executions) {
    if (!dryRun) await client.post(`/executions/${encodeURIComponent(id)}/resolve`, { status, note });
    console.log(`${id} ${dryRun ? 'would be' : 'is'} written down as ${status}`);
  }
}

function gathered(id: string, before: string[]): string[] {
  if (!/^[0-9a-f-]{36}$/i.test(id)) throw new InvalidArgumentError('It must be the id of an execution.');
  return [...before, id];
}

/** Returns what is held, or what went on, in lines. */
export function textOf({ total, resumed, changed, items }: Resumption, isDryRun: boolean): string {
  if (total === 0) return 'no execution is held';
  const kept = new Map(changed.map(({ id, detail }) => [id, detail]));
  const lines = items.map(({ id, service, action, createdAt, was, means }) => {
    const name = service === undefined ? action : `${action} for ${service}`;
    const what = kept.has(id) ? `stays held: ${kept.get(id)}` : means;
    return `  ${id} ${name}, of ${createdAt}, was ${was.replace('_', ' ')}: ${what}`;
  });
  const more = total > items.length ? [`  and ${total - items.length} more`] : [];
  const heading = isDryRun
    ? `${total} are held; of them would go on ${resumed}:`
    : `${resumed} of ${total} go on:`;
  return [heading, ...lines, ...more].join('\n');
}
