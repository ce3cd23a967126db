/** What `monscale size` prints. Pure. */
import type { Load, Size } from './sizing';
import { WORKLOADS } from './sizing-costs';

/** Returns the size of an installation for people, beginning with what was asked. */
export function sizeText(load: Load, { workloads, postgresql, redis, warnings }: Size): string {
  const rows = WORKLOADS.map((workload) => {
    const { cores, processes, replicas, requests, limits } = workloads[workload];
    return [
      workload,
      cores.toFixed(2),
      String(processes),
      String(replicas),
      `${requests.cpuMillicores}m, ${requests.memoryMib}Mi`,
      `${limits.memoryMib}Mi`,
    ];
  });
  const kept = Object.entries(postgresql.disk).filter(([, bytes]) => bytes > 0);
  return [
    loadText(load),
    '',
    ...table([['workload', 'cores', 'processes', 'replicas', 'requests, each', 'limit'], ...rows]),
    '',
    'PostgreSQL',
    ...table(
      [
        ['cores', postgresql.cores.toFixed(2)],
        ['memory, at least', `${postgresql.memoryMib} MiB`],
        ['max_connections', String(postgresql.connections)],
        [
          'log written',
          `${bytesText(postgresql.walBytesPerSecond)}/s, ${bytesText(86_400 * postgresql.walBytesPerSecond)} a day`,
        ],
        ['disk', bytesText(postgresql.diskBytes)],
        ...kept.map(([what, bytes]) => [`  ${what}`, bytesText(bytes)]),
      ].map(([name, value]) => [`  ${name}`, value!]),
    ),
    '',
    'Redis',
    ...table([
      ['  cores', redis.cores.toFixed(2)],
      ['  memory, at least', `${redis.memoryMib} MiB`],
    ]),
    ...(warnings.length === 0 ? [] : ['', ...warnings.map((warning) => `! ${warning}`)]),
  ].join('\n');
}

function loadText(load: Load): string {
  const {
    services,
    intervalSeconds,
    metrics,
    perTarget,
    alerts,
    batch,
    newShare,
    decidedShare,
    traps,
    changes,
    executions,
  } = load;
  const polls = `${numberText(services)} services polled every ${intervalSeconds} s (${numberText(services / intervalSeconds)} polls/s)`;
  return [
    ...(services === 0
      ? []
      : [
          `${polls}, ${metrics} ${metrics === 1 ? 'metric' : 'metrics'} each, ${perTarget} on a target, ${changes} changes of phase a day each`,
        ]),
    ...(alerts === 0
      ? []
      : [`${numberText(alerts)} alerts/s, ${batch} a request, ${percent(newShare)} of them new`]),
    ...(traps === 0 ? [] : [`${numberText(traps)} SNMP notifications/s`]),
    ...(alerts + traps === 0 ? [] : [`${percent(decidedShare)} of what is new changes a phase`]),
    `${numberText(executions)} executions a day`,
  ].join('\n');
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

const numberText = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 0 });

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

function bytesText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1_000 ** power;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${UNITS[power]}`;
}

/** Returns lines with columns of one width, the first to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]! + 2),
      )
      .join(''),
  );
}
