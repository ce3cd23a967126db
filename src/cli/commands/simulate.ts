import { existsSync } from 'node:fs';
import { InvalidArgumentError, type Command } from 'commander';
import type { Connect } from '../client';
import { readValue } from '../files';
import { valuesText, type ShownValue } from '../values-text';

type Time = number | string;

interface Trigger {
  at: Time;
  values?: Record<string, ShownValue>;
  nodes?: { current: number; desired: number; delta: number };
}

type Summary = Record<string, number>;

interface Simulation {
  triggers: Trigger[];
  summary: Summary;
  comparison?: { gained: Trigger[]; lost: Trigger[]; difference: Summary; summary: Summary };
}

interface Options {
  from?: string;
  to?: string;
  series?: string;
  nodes?: number;
  compare?: string;
  service?: string;
}

/** Adds `monscale simulate`, which shows what a rule would have done. */
export function addSimulate(program: Command, connect: Connect): void {
  program
    .command('simulate')
    .description('try a rule on what was recorded, or on given numbers; nothing is written and nothing acts')
    .argument('<service or file>', 'name or id of a service, or a file that defines one')
    .option('--service <name>', 'which one, where the file defines several')
    .option('--from <time>', 'from here on: a time, or seconds with --series')
    .option('--to <time>', 'up to here: a time, or seconds with --series')
    .option('--series <file>', 'metric -> points [seconds, number or null], JSON or YAML')
    .option('--nodes <count>', 'how many nodes there are at first', whole)
    .option('--compare <service or file>', 'another rule on the same story: tells the difference')
    .action(async (service: string, options: Options, command: Command) => {
      const { from, to, series, nodes, compare } = options;
      const time = (text: string | undefined) => (series === undefined ? text : text && Number(text));
      const body = {
        service: serviceOf(service, options.service),
        ...(compare === undefined ? {} : { compareWith: serviceOf(compare, options.service) }),
        ...(series === undefined ? {} : { series: readValue(series) }),
        ...(from === undefined ? {} : { from: time(from) }),
        ...(to === undefined ? {} : { to: time(to) }),
        ...(nodes === undefined ? {} : { nodes }),
      };
      console.log(simulationText(await connect(command).post<Simulation>('/simulations', body)));
    });
}

function whole(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('must be a whole number');
}

/** Returns the name of a service, or its definition if a file of that name exists. */
function serviceOf(named: string, wanted: string | undefined): unknown {
  if (!existsSync(named)) return named;
  const content = readValue(named) as { services?: { name?: string }[] } | null;
  const services = content?.services;
  if (!Array.isArray(services)) return content;
  const found = services.filter(({ name }) => wanted === undefined || name === wanted);
  if (found.length === 1) return found[0];
  const known = services.map(({ name }) => name).join(', ') || 'none';
  throw new Error(`${named} does not say which service: give one by --service; it defines ${known}`);
}

function simulationText({ triggers, summary, comparison }: Simulation): string {
  const lines = [...triggers.map((trigger) => `triggers ${triggerText(trigger)}`), summaryText(summary)];
  if (comparison === undefined) return lines.join('\n');
  return [
    ...lines,
    'compared:',
    ...comparison.gained.map((trigger) => `+ triggers ${triggerText(trigger)}`),
    ...comparison.lost.map((trigger) => `- triggers ${triggerText(trigger)}`),
    `  the other: ${summaryText(comparison.summary)}`,
    `  difference: ${summaryText(comparison.difference)}`,
  ].join('\n');
}

function triggerText({ at, values, nodes }: Trigger): string {
  const observation = valuesText(values);
  const scaled = nodes === undefined ? '' : `; nodes ${nodes.current} -> ${nodes.desired}`;
  return `at ${typeof at === 'number' ? `${at} s` : at}${observation && `: ${observation}`}${scaled}`;
}

/** Returns "2 triggers, 30 s in alarm": names that begin with `seconds` are durations. */
const summaryText = (summary: Summary): string =>
  Object.entries(summary)
    .map(([name, count]) => {
      const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      return words.startsWith('seconds ')
        ? `${count} s${words.slice('seconds'.length)}`
        : `${count} ${words}`;
    })
    .join(', ');
