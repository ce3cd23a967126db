/** Bursts of breaches to their webhooks: what they take and cost, beside Alertmanager's. */
import { burst, defineBreachable, evaluateOnce, type Burst } from './breaches';
import { figureIn, runPeer } from './peers';
import { BenchProgram, sleep } from './program';
import { Sink } from './sink';

/** V8 takes some 20,000 breaches a process to compile its code. */
const WARM_UP_BURSTS = 6;

/** Burst with what it cost, each breach. */
export interface CostedBurst extends Burst {
  /** Of the whole tree. */
  cpuUs: number;
  walKb: number;
}

/** Alertmanager's burst, of alerts that no rule knows. */
export interface PeerBurst {
  perSecond: number;
  cpuUs?: number;
}

export interface KnownBursts {
  /** Bursts until V8 has compiled what they run, in order. */
  warmUp: CostedBurst[];
  runs: CostedBurst[];
  /** One of the peer after each run; undefined where it is not there. */
  peers: (PeerBurst | undefined)[];
}

/** Runs work on a new program of as many processes, with a target for its webhooks. */
export async function withProgram<T>(
  processes: string,
  work: (program: BenchProgram, sink: Sink) => Promise<T>,
): Promise<T> {
  const sink = await Sink.start();
  const program = await BenchProgram.start({
    MONSCALE_API_PROCESSES: processes,
    MONSCALE_WORKER_PROCESSES: processes,
  });
  try {
    return await work(program, sink);
  } finally {
    await program.stop();
    sink.stop();
  }
}

/** Measures the first burst of a new program, of rules that it never saw. */
export const firstBurst = (size: number, processes: string): Promise<Burst> =>
  withProgram(processes, async (program, sink) =>
    burst(program, await defineBreachable(program, size, sink), sink),
  );

/** Measures bursts of rules that are known, which breach for the first time all the same; in turns with the peer. */
export const knownBursts = (size: number, processes: string, runs: number): Promise<KnownBursts> =>
  withProgram(processes, async (program, sink) => {
    const names = await defineBreachable(program, (WARM_UP_BURSTS + runs) * size, sink);
    await evaluateOnce(program, names);
    const measured: KnownBursts = { warmUp: [], runs: [], peers: [] };
    const next = () => costed(program, names.splice(0, size), sink);
    for (let n = 0; n < WARM_UP_BURSTS; n++) measured.warmUp.push(await next());
    for (let n = 0; n < runs; n++) {
      measured.runs.push(await next());
      measured.peers.push(peerBurst(size));
    }
    return measured;
  });

async function costed(program: BenchProgram, names: readonly string[], sink: Sink): Promise<CostedBurst> {
  const [cpu, wal] = [program.cpuSeconds(), await walBytes(program)];
  const one = await burst(program, names, sink);
  // What is written down after the webhooks belongs to them.
  await sleep(1_000);
  return {
    ...one,
    cpuUs: (1e6 * (program.cpuSeconds() - cpu)) / names.length,
    walKb: ((await walBytes(program)) - wal) / names.length / 1000,
  };
}

async function walBytes(program: BenchProgram): Promise<number> {
  const { rows } = await program.sql.query<{ bytes: number }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS bytes`,
  );
  return rows[0]!.bytes;
}

function peerBurst(size: number): PeerBurst | undefined {
  const script = 'prometheus/bench_d_latency.sh';
  const line = runPeer(script, ['am', size], ['prometheus-alertmanager'], { BURST: '1' });
  const perSecond = figureIn(line, 'actions/s');
  if (perSecond === undefined) return undefined;
  const cpuSeconds = figureIn(line, 'am_cpu_s');
  return { perSecond, ...(cpuSeconds === undefined ? {} : { cpuUs: (1e6 * cpuSeconds) / size }) };
}
