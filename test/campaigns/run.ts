/** `npm run campaign crash -- --moments 50 --seed 7 --lanes 2`, on what `npm run build` made: a line per moment; exit code 1 on a violation. */
import { parseArgs } from 'node:util';
import { crashCampaign, onEmbeddedServers, type MomentReport } from './crash';

const CAMPAIGNS = { crash };

async function crash(moments: number, seed: number, lanes: number): Promise<boolean> {
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

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      moments: { type: 'string', default: '50' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      lanes: { type: 'string', default: '1' },
    },
  });
  const campaign = CAMPAIGNS[positionals[0] as keyof typeof CAMPAIGNS];
  if (campaign === undefined) throw new Error(`campaigns are: ${Object.keys(CAMPAIGNS).join(', ')}`);
  console.log(`seed ${values.seed}`);
  const isGood = await campaign(Number(values.moments), Number(values.seed), Number(values.lanes));
  process.exit(isGood ? 0 : 1);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
