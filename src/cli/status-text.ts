/** What `monscale status` says: what is wrong now, what waits for a person, what lives. Pure: made from what was read. */

export interface StatusFacts {
  killSwitch: { on: boolean; heldBy?: 'environment' | 'api'; by?: string; reason?: string };
  services: { total: number; phases: Record<string, number> };
  /** Services in alarm or unknown, worst first; some of them where they are many. */
  troubled: { name: string; state: { phase: string; reason: string; since: string; explanation: string } }[];
  /** Executions that wait for a person, by what for: some of them, and how many. */
  waiting: { status: string; total: number; items: { service?: string; action: string }[] }[];
  /** Undefined where the token may not read it. */
  system?: {
    status: string;
    checks: Record<string, { status: string; error?: string }>;
    processes: {
      roles: string[];
      host: string;
      pid: number;
      startedAt: string;
      seenAt: string;
      lives: boolean;
    }[];
    queues?: { queue: string; waiting: number; active: number; delayed: number }[];
    queuesError?: string;
  };
  /** Undefined where the token may not read it. */
  rulesDirectory?: {
    status: string;
    folder?: string;
    appliedAt?: string;
    files: number;
    managed: number;
    mistakes: { file?: string; line?: number; pointer: string; detail: string }[];
    kept: { kind: string; name: string; detail: string }[];
    drift: { kind: string; name: string; how: string; changes?: { pointer: string }[] }[];
    driftTotal: number;
  };
}

/** Roles that some process must have. */
const NEEDED = ['api', 'scheduler', 'worker'];
const NAMED = 5;

const WAITS: Record<string, (count: number) => string> = {
  awaiting_approval: (count) => `${count} to approve or reject`,
  held: (count) => `${count} held after a restore: see monscale resume --dry-run`,
  unknown: (count) => `${count} unknown: nobody can tell what came of ${count === 1 ? 'it' : 'them'}`,
};

/** Returns the lines, and whether anything is wrong or waits. */
export function statusText(facts: StatusFacts): { text: string; isWell: boolean } {
  const { killSwitch, troubled, system } = facts;
  const waiting = facts.waiting.filter(({ total }) => total > 0);
  const missing = system === undefined ? [] : missingRoles(system.processes);
  const failing = Object.entries(system?.checks ?? {}).filter(([, { status }]) => status !== 'up');
  const wrong = [
    ...(killSwitch.on
      ? [`everything is stopped by ${stoppedBy(killSwitch)}: ${killSwitch.reason ?? 'no reason was given'}`]
      : []),
    ...failing.map(([name, { error }]) => `${name}: ${error}`),
    ...missing.map((role) => `no process with the role ${role} lives`),
    ...(system?.queuesError === undefined ? [] : [`queues: ${system.queuesError}`]),
    ...rulesProblems(facts.rulesDirectory),
    ...troubledLines(facts),
  ];
  const lines = [
    wrong.length === 0 ? 'nothing is wrong' : 'wrong now:',
    ...indented(wrong),
    waiting.length === 0 ? 'nothing waits for a person' : 'waits for a person:',
    ...indented(waiting.map(waitingLine)),
    countsLine(facts),
    ...rulesLines(facts.rulesDirectory),
    ...systemLines(system),
  ];
  return {
    text: lines.join('\n'),
    isWell: wrong.length === 0 && waiting.length === 0 && troubled.length === 0,
  };
}

function troubledLines({ troubled, services: { phases } }: StatusFacts): string[] {
  const lines = troubled.map(
    ({ name, state }) =>
      `${name}: ${state.phase} (${state.reason}) since ${state.since}: ${state.explanation}`,
  );
  const more = (phases.alarm ?? 0) + (phases.unknown ?? 0) - troubled.length;
  return more > 0 ? [...lines, `${more} more services in alarm or unknown`] : lines;
}

const NAMED_MISTAKES = 10;

/** Returns what is wrong with the rules directory. */
function rulesProblems(rules: StatusFacts['rulesDirectory']): string[] {
  if (rules === undefined) return [];
  const lines = rules.mistakes.slice(0, NAMED_MISTAKES).map(({ file, line, pointer, detail }) => {
    const where = [file && (line === undefined ? file : `${file}:${line}`), pointer]
      .filter(Boolean)
      .join(' ');
    return `rules directory: ${where === '' ? '' : `${where}: `}${detail}`;
  });
  const more = rules.mistakes.length - lines.length;
  return [
    ...(rules.status === 'away' ? [`rules directory: nobody looks at ${rules.folder} any more`] : []),
    ...lines,
    ...(more > 0 ? [`${more} more mistakes in the rules directory`] : []),
  ];
}

/** Returns how the rules directory is, and what others have changed of it. */
function rulesLines(rules: StatusFacts['rulesDirectory']): string[] {
  if (rules === undefined) return [];
  const { status, folder, appliedAt, files, managed, drift, driftTotal, kept } = rules;
  if (status === 'off') return ['rules directory: off'];
  const applied = appliedAt === undefined ? 'nothing was applied yet' : `applied at ${appliedAt}`;
  const lines = [
    `rules directory: ${status}, ${folder}, ${files} files, ${managed} definitions, ${applied}`,
    ...drift.map(({ kind, name, how, changes = [] }) => {
      const where = changes.map(({ pointer }) => pointer).join(', ');
      return `  ${kind} ${name} is ${how} by others${where === '' ? '' : `: ${where}`}`;
    }),
    ...kept.map(({ kind, name, detail }) => `  ${kind} ${name} has left the files and stays: ${detail}`),
  ];
  const more = driftTotal - drift.length;
  return drift.length > 0 && more > 0 ? [...lines, `  ${more} more written by others`] : lines;
}

function missingRoles(processes: NonNullable<StatusFacts['system']>['processes']): string[] {
  const living = new Set(processes.filter(({ lives }) => lives).flatMap(({ roles }) => roles));
  return NEEDED.filter((role) => !living.has(role));
}

function waitingLine({ status, total, items }: StatusFacts['waiting'][number]): string {
  const words = WAITS[status] ?? ((count: number) => `${count} ${status}`);
  const named = items
    .slice(0, NAMED)
    .map(({ service, action }) => (service === undefined ? action : `${action} for ${service}`));
  const more = total > named.length ? ', …' : '';
  return `${words(total)} (${named.join(', ')}${more})`;
}

function countsLine({ services: { total, phases } }: StatusFacts): string {
  const counts = Object.entries(phases).map(([phase, count]) => `${count} ${phase}`);
  return `${total} enabled services: ${counts.join(', ')}`;
}

function systemLines(system: StatusFacts['system']): string[] {
  if (system === undefined) return ['processes and queues: this token may not read them'];
  const processes = system.processes.map(({ roles, host, pid, startedAt, seenAt, lives }) =>
    lives
      ? `${roles.join(', ')} on ${host}, process ${pid}, since ${startedAt}`
      : `${roles.join(', ')} on ${host}, process ${pid}, was not heard since ${seenAt}`,
  );
  const queues = (system.queues ?? []).map(
    ({ queue, waiting, active, delayed }) =>
      `${queue}: ${waiting} waiting, ${active} active, ${delayed} delayed`,
  );
  return [
    'processes:',
    ...indented(processes),
    ...(queues.length === 0 ? [] : ['queues:', ...indented(queues)]),
  ];
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

const stoppedBy = ({ heldBy, by }: StatusFacts['killSwitch']): string | undefined =>
  heldBy === 'environment' ? 'the environment (MONSCALE_KILL_SWITCH)' : by;
