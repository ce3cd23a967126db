/** Alerts posted in masses by a source that has its own token, in turns with Alertmanager. */
import { figureIn, runPeer } from './peers';
import { BenchProgram, sleep, until } from './program';
import { postByWrk, type Posts } from './wrk';

const WARM_UP_SECONDS = 2;
/** Time after which what a burst took is given back, in which nothing is done. */
export const LATER_SECONDS = 60;
/** Number before the keys of the warm-up, where all are to be new afterwards. */
const OTHER_KEYS = 500_000_000;
/** Keys of a run. */
const KEYS_A_RUN = 10_000_000;

/** Posts of one run. CPU and memory are of the whole tree. */
export interface PostRun {
  perSecond: number;
  p50Ms?: number;
  p99Ms?: number;
  refused?: number;
  cpuSeconds: number;
  postgresCpuSeconds: number;
  cpuUsEach: number;
  /** Alertmanager's; undefined where it is not there. */
  peer?: PeerPosts;
}

export interface PeerPosts {
  perSecond: number;
  p50Ms?: number;
  p99Ms?: number;
  cpuSeconds?: number;
  cpuUsEach?: number;
  rssMb?: number;
}

export interface MeasuredPosts {
  runs: PostRun[];
  /** Alerts that are kept after the runs. */
  kept: number;
  pssMb: number;
  /** PSS once `alerts` or more were posted, where these were asked for, and `LATER_SECONDS` later. */
  pssMbAfter?: number;
  pssMbLater?: number;
}

export const nameOf = ({ batch, mode }: Posts): string =>
  `POST, ${batch} alert${batch > 1 ? 's' : ''} each, ${mode === 'uniq' ? 'all new' : 'seen again'}`;

/** Measures runs of posts by a new program, each followed by one of the peer. @param alerts to post at least */
export async function measurePosts(work: Posts, runs: number, alerts = 0): Promise<MeasuredPosts> {
  // Many small requests share commits best in one process; the reading of large ones is worth another core.
  const program = await BenchProgram.start({ MONSCALE_API_PROCESSES: work.batch < 10 ? '1' : '2' });
  try {
    await program.post('/api/v1/services', {
      name: 'asking',
      metrics: { outage: { type: 'alert', params: { match: { alertname: 'NotThisOne' } } } },
      condition: 'outage == 1',
    });
    const { token } = await program.post<{ token: string }>('/api/v1/sources', {
      name: 'sender',
      // It is where Prometheus sends to an Alertmanager.
      format: 'alertmanager',
    });
    const after = (keys: number): number => (work.mode === 'uniq' ? keys : 0);
    postByWrk(program.url, token, { ...work, seconds: WARM_UP_SECONDS, after: after(OTHER_KEYS) });
    let posted = 0;
    const post = (run: number): string => {
      const line = postByWrk(program.url, token, { ...work, after: after(run * KEYS_A_RUN) });
      const requests = figureIn(line, 'req') ?? NaN;
      const refused = figureIn(line, 'non2xx') ?? 0;
      // To refuse costs little, and would be shown as fast.
      if (refused > requests / 100) throw new Error(`${refused} of ${requests} posts were refused`);
      posted += requests * work.batch;
      return line;
    };
    const measured: PostRun[] = [];
    for (let run = 0; run < runs; run++) {
      const [before, had] = [program.usage(), posted];
      const line = post(run);
      const now = program.usage();
      const spent = (part: keyof typeof now): number => now[part].cpuSeconds - before[part].cpuSeconds;
      const cpuSeconds = spent('program') + spent('postgres') + spent('redis');
      measured.push({
        perSecond: (figureIn(line, 'rps') ?? NaN) * work.batch,
        p50Ms: figureIn(line, 'p50_ms'),
        p99Ms: figureIn(line, 'p99_ms'),
        refused: figureIn(line, 'non2xx'),
        cpuSeconds,
        postgresCpuSeconds: spent('postgres'),
        cpuUsEach: (1e6 * cpuSeconds) / (posted - had),
        peer: peerPosts(work),
      });
    }
    const kept = await keptAlerts(program);
    const pssMb = program.pssMb();
    if (alerts === 0) return { runs: measured, kept, pssMb };
    for (let more = runs; posted < alerts; more++) post(more);
    const pssMbAfter = program.pssMb();
    await sleep(LATER_SECONDS * 1000);
    return { runs: measured, kept, pssMb, pssMbAfter, pssMbLater: program.pssMb() };
  } finally {
    await program.stop();
  }
}

function peerPosts({ batch, mode, seconds }: Posts): PeerPosts | undefined {
  const line = runPeer(
    'alertmanager/bench_b_post.sh',
    [batch, mode, seconds],
    ['prometheus-alertmanager', 'wrk'],
  );
  const requests = figureIn(line, 'rps');
  if (requests === undefined) return undefined;
  const cpuSecondsAThousand = figureIn(line, 'cpu_s/1000alerts');
  return {
    perSecond: requests * batch,
    p50Ms: figureIn(line, 'p50_ms'),
    p99Ms: figureIn(line, 'p99_ms'),
    cpuSeconds: figureIn(line, 'am_cpu_s'),
    cpuUsEach: cpuSecondsAThousand === undefined ? undefined : 1000 * cpuSecondsAThousand,
    rssMb: figureIn(line, 'rss_after'),
  };
}

async function keptAlerts(program: BenchProgram): Promise<number> {
  let count = 0;
  await until(async () => {
    const { rows } = await program.sql.query<{ count: number; open: number }>(
      'SELECT count(*)::int AS count, count(*) FILTER (WHERE processed < revision)::int AS open FROM alerts',
    );
    count = rows[0]!.count;
    return rows[0]!.open === 0;
  }, 'all alerts are processed');
  return count;
}
