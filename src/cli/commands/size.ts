import { InvalidArgumentError, Option, type Command } from 'commander';
import { readConfig } from '../../config/config';
import type { Connect } from '../client';
import { sizeOf, type Load } from '../sizing';
import { sizeText } from '../sizing-text';

interface Numbers {
  from: number;
  to: number;
  isWhole?: boolean;
}

interface Field extends Numbers {
  option: string;
  meaning: string;
  byDefault: number;
}

/** Options of the command, by what of the load they are. */
function fields(): Record<keyof Load, Field> {
  // Those of a program without settings.
  const { samplesRetentionDays, rollUps, historyRetentionDays } = readConfig({});
  const count = { from: 0, to: 10_000_000, isWhole: true };
  const perSecond = { from: 0, to: 1_000_000 };
  const share = { from: 0, to: 1 };
  const days = { from: 1, to: 3_650, isWhole: true };
  return {
    services: { option: '--services <count>', meaning: 'services that are polled', byDefault: 0, ...count },
    intervalSeconds: {
      option: '--interval <seconds>', meaning: 'how often each of them is polled', byDefault: 60, from: 1, to: 86_400, isWhole: true,
    },
    metrics: { option: '--metrics <count>', meaning: 'metrics of a service', byDefault: 1, from: 1, to: 100, isWhole: true },
    perTarget: {
      option: '--per-target <count>', meaning: 'services that ask one target', byDefault: 1, from: 1, to: 256, isWhole: true,
    },
    alerts: { option: '--alerts <per second>', meaning: 'alerts over HTTP, a second', byDefault: 0, ...perSecond },
    batch: { option: '--batch <count>', meaning: 'alerts in one request', byDefault: 1, from: 1, to: 10_000, isWhole: true },
    newShare: { option: '--new <share>', meaning: 'share of the alerts that is new; others are seen again', byDefault: 0.1, ...share },
    decidedShare: {
      option: '--decided <share>', meaning: 'share of new alerts and traps that changes the phase of a service', byDefault: 1, ...share,
    },
    traps: { option: '--traps <per second>', meaning: 'SNMP notifications, a second', byDefault: 0, ...perSecond },
    changes: { option: '--changes <count>', meaning: 'changes of phase of a polled service, a day', byDefault: 4, from: 0, to: 86_400 },
    executions: { option: '--executions <count>', meaning: 'executions, a day', byDefault: 1_000, from: 0, to: 1_000_000_000 },
    samplesDays: { option: '--samples-days <days>', meaning: 'how long samples are kept', byDefault: samplesRetentionDays, ...days },
    fiveMinutesDays: {
      option: '--steps-5m-days <days>', meaning: 'how long steps of 5 minutes are kept', byDefault: rollUps.fiveMinutesRetentionDays, ...days,
    },
    hoursDays: { option: '--steps-1h-days <days>', meaning: 'how long steps of an hour are kept', byDefault: rollUps.hoursRetentionDays, ...days },
    historyDays: {
      option: '--history-days <days>', meaning: 'how long alerts, decisions and executions are kept', byDefault: historyRetentionDays, ...days,
    },
  };
} // prettier-ignore

/** Adds `monscale size`, which says what an installation takes for a load. Needs no server. */
export function addSize(program: Command, _connect: Connect): void {
  const command = program
    .command('size')
    .description(
      'say what an installation takes for a load: processes, PostgreSQL, Redis; no server is needed',
    );
  const names = new Map<string, keyof Load>();
  for (const [name, { option, meaning, byDefault, ...numbers }] of Object.entries(fields())) {
    const one = new Option(option, meaning).default(byDefault).argParser((text) => numberIn(text, numbers));
    names.set(one.attributeName(), name as keyof Load);
    command.addOption(one);
  }
  command.option('--json', 'print it as JSON').action((given: Record<string, number> & { json?: true }) => {
    const load = Object.fromEntries(
      [...names].map(([option, name]) => [name, given[option]]),
    ) as unknown as Load;
    refuseUnfit(load);
    const size = sizeOf(load);
    console.log(given.json ? JSON.stringify({ load, ...size }, undefined, 2) : sizeText(load, size));
  });
}

function numberIn(text: string, { from, to, isWhole = false }: Numbers): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (value >= from && value <= to && (!isWhole || Number.isInteger(value))) return value;
  const range = `from ${from.toLocaleString('en')} to ${to.toLocaleString('en')}`;
  throw new InvalidArgumentError(`It must be ${isWhole ? 'a whole number' : 'a number'} ${range}.`);
}

function refuseUnfit({ services, alerts, traps, samplesDays, fiveMinutesDays, hoursDays }: Load): void {
  if (services === 0 && alerts === 0 && traps === 0)
    throw new Error('say what is asked of it: --services, --alerts, --traps, or several of them');
  if (samplesDays > fiveMinutesDays)
    throw new Error(
      '--steps-5m-days must be at least --samples-days, as steps are kept at least as long as samples',
    );
  if (fiveMinutesDays > hoursDays)
    throw new Error(
      '--steps-1h-days must be at least --steps-5m-days, as hours are kept at least as long as steps of 5 minutes',
    );
}
