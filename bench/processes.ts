import { readdirSync, readFileSync } from 'node:fs';

/** What a tree of processes has used. */
export interface Usage {
  cpuSeconds: number;
  /** Proportional set size: memory shared by several processes is counted once. */
  pssMb: number;
}

const TICKS_PER_SECOND = 100;

/** CPU time and memory of processes and all below them, from /proc. Children that have ended count too. */
export function usageOf(roots: readonly number[]): Usage {
  const stats = new Map<number, string[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = tryRead(`/proc/${entry}/stat`);
    // The command's name may hold blanks; fields count from behind its closing parenthesis.
    if (stat !== undefined) stats.set(Number(entry), stat.slice(stat.lastIndexOf(')') + 2).split(' '));
  }
  const tree = new Set<number>();
  const open = [...roots];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    if (!stats.has(pid) || tree.has(pid)) continue;
    tree.add(pid);
    for (const [child, fields] of stats) if (Number(fields[1]) === pid) open.push(child);
  }
  let ticks = 0;
  let pssKb = 0;
  for (const pid of tree) {
    ticks += stats
      .get(pid)!
      .slice(11, 15)
      .reduce((sum, field) => sum + Number(field), 0);
    pssKb += Number(/^Pss:\s+(\d+)/m.exec(tryRead(`/proc/${pid}/smaps_rollup`) ?? '')?.[1] ?? 0);
  }
  return { cpuSeconds: ticks / TICKS_PER_SECOND, pssMb: pssKb / 1024 };
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // It has ended between the two looks.
    return undefined;
  }
}
