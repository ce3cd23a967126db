/**
 * `npm run campaign actions -- --rounds 200 --seed 7`, on what `npm run build` made: a line per round, at the end.
 * `npm run campaign alerts -- --rounds 20 --seed 7`, the same: a line per round.
 * `npm run campaign crash -- --moments 50 --seed 7 --lanes 2`, on what `npm run build` made: a line per moment.
 * `npm run campaign failover -- --only sentinel`, on what `npm run build` made: a line per way in which a server fails over.
 * `npm run campaign fuzz -- --seconds 3600 --seed 7`, the same: what came of it, at the end.
 * `npm run campaign hostile -- --minutes 60 --seed 7 --only redis`, the same: a line per mischief, and what came of it, at
 * the end; `--only` narrows it to those whose names have that in them.
 * `npm run campaign restore`, on what `npm run build` made: what became of each execution that was open in a backup.
 * `npm run campaign rolling -- --from v0.1.0 --alerts 500 --polls 1000`, on what `npm run build` made and what that version's
 * own set-up makes of it: a line per phase, and what came of it, at the end; `--from` is a git ref or a folder with a checkout,
 * `--together` updates all workloads at once.
 * `npm run campaign rules -- --stories 100000 --seed 7`, on the sources: a line per 10,000 stories.
 * `npm run campaign snmp -- --messages 10000 --seed 7`, on the sources: a line per 1,000 messages.
 * Exit code 1 on a violation.
 */
import { parseArgs } from 'node:util';
import globalSetup from '../global-setup';
import globalTeardown from '../global-teardown';
import { actionsCampaign } from './actions';
import { alertsCampaign } from './alerts';
import { crashCampaign, onEmbeddedServers, type MomentReport } from './crash';
import { FAILOVERS, failoverCampaign } from './failover';
import { fuzzCampaign } from './fuzz';
import { hostileCampaign } from './hostile';
import { fateTable, restoreCampaign } from './restore';
import { rollingCampaign, type PhaseReport } from './rolling';
import { onServersOfItsOwn } from './rolling/servers';
import { thisVersion, versionAt } from './rolling/version';
import { rulesCampaign } from './rules';
import { snmpCampaign } from './snmp';

const CAMPAIGNS = { actions, alerts, crash, failover, fuzz, hostile, restore, rolling, rules, snmp };

interface Options {
  seed: number;
  moments: number;
  lanes: number;
  stories: number;
  rounds: number;
  messages: number;
  seconds: number;
  minutes: number;
  only: string;
  from: string;
  alerts: number;
  polls: number;
  together: boolean;
}

/** On servers as the tests have them. */
async function onTestServersOfOurOwn<T>(work: () => Promise<T>): Promise<T> {
  await globalSetup();
  try {
    return await work();
  } finally {
    await globalTeardown();
  }
}

async function actions(options: Options): Promise<boolean> {
  return onTestServersOfOurOwn(() => actionRounds(options));
}

async function fuzz({ seconds, seed }: Options): Promise<boolean> {
  const { requests, datagrams, statuses, memoryMb, violations } = await onTestServersOfOurOwn(() =>
    fuzzCampaign(seconds, seed),
  );
  console.log(`${requests} requests and ${datagrams} datagrams in ${seconds} s; seed ${seed}`);
  for (const [status, count] of Object.entries(statuses))
    console.log(`${String(count).padStart(10)}  ${status}`);
  console.log(`resident memory ${memoryMb.join(' to ')} MB`);
  for (const violation of violations) console.log(violation);
  return violations.length === 0;
}

async function hostile({ minutes, seed, only }: Options): Promise<boolean> {
  const { played, alerts, loopP99, memoryMb, violations } = await onTestServersOfOurOwn(() =>
    hostileCampaign(minutes * 60, seed, console.log, only),
  );
  for (const [name, times] of Object.entries(played).sort())
    console.log(`${String(times).padStart(6)}  ${name}`);
  console.log(`${alerts} good alerts in ${minutes} min; seed ${seed}`);
  console.log(
    `event loop, p99 of 10 s: median ${loopP99.median.toFixed(3)} s, worst ${loopP99.worst.toFixed(3)} s, ${(loopP99.shareOver * 100).toFixed(1)} % over 0.1 s`,
  );
  console.log(`resident memory, least of each quarter and at the end: ${memoryMb.join(', ')} MB`);
  for (const violation of violations) console.log(violation);
  return violations.length === 0;
}

async function actionRounds({ rounds, seed }: Options): Promise<boolean> {
  console.log('round  step               tell          once          provision     scale         violations');
  const reports = await actionsCampaign(rounds, seed, ({ round, step, ends, violations }) => {
    const cells = ['tell', 'once', 'provision', 'scale'].map((action) => {
      const { status = 'missing', deeds = 0 } = ends[action] ?? {};
      return `${status}, ${deeds}`.padEnd(14);
    });
    console.log(
      `${String(round).padStart(5)}  ${step.padEnd(19)}${cells.join('')}${violations.join('; ') || 'none'}`,
    );
  });
  const bad = reports.filter(({ violations }) => violations.length > 0).length;
  const unknown = reports.filter(({ ends }) => ends.once?.status === 'unknown').length;
  console.log(`${reports.length} rounds, ${bad} with violations, ${unknown} unknown; seed ${seed}`);
  return bad === 0;
}

async function alerts({ rounds, seed }: Options): Promise<boolean> {
  console.log(
    'round  alerts are  dies beside the program        acknowledged  kept  executions  deeds  violations',
  );
  const reports = await alertsCampaign(rounds, seed, (line) =>
    console.log(
      `${String(line.round).padStart(5)}  ${line.way.padEnd(12)}${line.death.padEnd(31)}${String(line.acknowledged).padEnd(14)}` +
        `${String(line.kept).padEnd(6)}${String(line.executions).padEnd(12)}${String(line.deeds).padEnd(7)}` +
        (line.violations.join('; ') || 'none'),
    ),
  );
  const bad = reports.filter(({ violations }) => violations.length > 0).length;
  console.log(`${reports.length} rounds, ${bad} with violations; seed ${seed}`);
  return bad === 0;
}

async function crash({ moments, seed, lanes }: Options): Promise<boolean> {
  console.log(
    'moment  killed after  down for  servers too  triggers  executions  unknown  repeated  violations',
  );
  const reports = await crashCampaign(moments, seed, onEmbeddedServers, print, lanes);
  const bad = reports.filter(({ violations }) => violations.length > 0).length;
  console.log(`${reports.length} moments, ${bad} with violations; seed ${seed}`);
  return bad === 0;
}

function print(report: MomentReport): void {
  const { moment, killedAfter, downFor, withServers, triggers, executions, unknown, repeated, violations } =
    report;
  const cells: [string | number, number][] = [
    [moment, 6],
    [`${killedAfter.toFixed(1)} s`, 14],
    [`${downFor.toFixed(1)} s`, 10],
    [withServers ? 'yes' : 'no', 13],
    [triggers, 10],
    [executions, 12],
    [unknown, 9],
    [repeated, 10],
  ];
  console.log(
    `${cells.map(([cell, width]) => String(cell).padStart(width)).join('')}  ${violations.join('; ') || 'none'}`,
  );
}

async function failover({ only }: Options): Promise<boolean> {
  console.log(
    'failover      acknowledged  executions  calls  unknown  longest to accept  to act    over after  refused  violations',
  );
  const reports = await onTestServersOfOurOwn(() =>
    failoverCampaign(
      FAILOVERS.filter((name) => name.includes(only)),
      (line) => {
        const cells: [string | number, number][] = [
          [line.failover, 14],
          [line.acknowledged, 14],
          [line.executions, 12],
          [line.calls, 7],
          [line.unknown, 9],
          [`${line.longestToAccept.toFixed(1)} s`, 19],
          [`${line.longestToAct.toFixed(1)} s`, 10],
          [`${line.overAfter.toFixed(1)} s`, 12],
          [JSON.stringify(line.refused), 9],
        ];
        const text = cells.map(([cell, width]) => String(cell).padEnd(width)).join('');
        console.log(`${text}${line.violations.join('; ') || 'none'}`);
      },
    ),
  );
  return reports.every(({ violations }) => violations.length === 0);
}

async function restore(): Promise<boolean> {
  const { fates, told, dryRun, byOldAlerts, violations } = await onTestServersOfOurOwn(() =>
    restoreCampaign(),
  );
  console.log(
    `${told}\n\n${fateTable(fates)}\n\n${dryRun}\nby alerts of before: ${JSON.stringify(byOldAlerts)}`,
  );
  for (const violation of violations) console.log(violation);
  return violations.length === 0;
}

async function rolling({ from, alerts, polls, together }: Options): Promise<boolean> {
  const before = await versionAt(from, console.log);
  try {
    console.log('phase                                 seconds  alerts  requests  refused  cut  slowest');
    const { untaken, violations, logs, excused, ...figures } = await onTestServersOfOurOwn(() =>
      onServersOfItsOwn((servers) =>
        rollingCampaign(
          {
            from: before,
            to: thisVersion(),
            servers,
            rates: { alerts, alertsEach: 10, actsOn: 10, services: 50, informs: 20 },
            polls,
            replicas: 2,
            splits: true,
            inTurn: !together,
            steadySeconds: 20,
          },
          printPhase,
        ),
      ),
    );
    console.log(
      `${figures.alerts} alerts and ${figures.informs} informs were accepted, ${figures.executions} executions made; ` +
        `${figures.readings} readings, ${figures.longestGapSeconds} s apart at most; ${untaken} connections untaken`,
    );
    if (excused > 0) console.log(`${excused} gaps in readings while the machine stood still are not counted`);
    for (const violation of violations) console.log(violation);
    if (logs !== undefined) console.log(`what the processes said is in ${logs}`);
    return violations.length === 0;
  } finally {
    before.remove();
  }
}

function printPhase({ phase, seconds, accepted, requests, refused, cut, slowestMs }: PhaseReport): void {
  const cells: [string | number, number][] = [
    [seconds.toFixed(1), 9],
    [accepted, 8],
    [requests, 10],
    [refused, 9],
    [cut, 5],
    [`${(slowestMs / 1_000).toFixed(1)} s`, 9],
  ];
  console.log(`${phase.padEnd(36)}${cells.map(([cell, width]) => String(cell).padStart(width)).join('')}`);
}

async function rules({ stories, seed }: Options): Promise<boolean> {
  const { reasons, difference } = rulesCampaign(stories, seed, (soFar) => {
    if (soFar.difference === undefined) console.log(`${soFar.stories} stories, no difference`);
  });
  for (const [reason, moments] of [...reasons].sort())
    console.log(`${String(moments).padStart(10)}  ${reason}`);
  if (difference !== undefined) console.log(difference);
  return difference === undefined;
}

async function snmp({ messages, seed }: Options): Promise<boolean> {
  const { answers, numbers, traps, taken, violations } = await snmpCampaign(messages, seed, console.log);
  console.log(`${answers} answers, ${numbers} of them numbers to snmpget; seed ${seed}`);
  console.log(`${traps} traps, ${taken} of them taken by snmptrapd`);
  for (const violation of violations) console.log(violation);
  return violations.length === 0;
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      moments: { type: 'string', default: '50' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      lanes: { type: 'string', default: '1' },
      stories: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '200' },
      messages: { type: 'string', default: '10000' },
      seconds: { type: 'string', default: '60' },
      minutes: { type: 'string', default: '60' },
      only: { type: 'string', default: '' },
      from: { type: 'string', default: '' },
      alerts: { type: 'string', default: '500' },
      polls: { type: 'string', default: '1000' },
      together: { type: 'boolean', default: false },
    },
  });
  const campaign = CAMPAIGNS[positionals[0] as keyof typeof CAMPAIGNS];
  if (campaign === undefined) throw new Error(`campaigns are: ${Object.keys(CAMPAIGNS).join(', ')}`);
  console.log(`seed ${values.seed}`);
  const isGood = await campaign({
    seed: Number(values.seed),
    moments: Number(values.moments),
    lanes: Number(values.lanes),
    stories: Number(values.stories),
    rounds: Number(values.rounds),
    messages: Number(values.messages),
    seconds: Number(values.seconds),
    minutes: Number(values.minutes),
    only: values.only,
    from: values.from,
    alerts: Number(values.alerts),
    polls: Number(values.polls),
    together: values.together,
  });
  process.exit(isGood ? 0 : 1);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
