/** What a process's memory is made of, from /proc/PID/smaps. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Pages {
  pid: number;
  name: string;
  pssMb: number;
  /** PSS by kind of mapping, MB. */
  kinds: Map<string, number>;
}

/** Returns the pages of a process and of all below it. */
export function pagesOf(pid: number): Pages[] {
  const own = pagesOfOne(pid);
  return [...(own === undefined ? [] : [own]), ...childrenOf(pid).flatMap(pagesOf)];
}

function childrenOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).map((thread) =>
    read(`/proc/${pid}/task/${thread}/children`),
  );
  return children.flatMap((text) => (text ?? '').split(' ').filter(Boolean)).map(Number);
}

function pagesOfOne(pid: number): Pages | undefined {
  const [smaps, command] = [read(`/proc/${pid}/smaps`), read(`/proc/${pid}/cmdline`)];
  if (!smaps || !command) return undefined;
  const kinds = new Map<string, number>();
  let kind = '';
  for (const line of smaps.split('\n')) {
    const mapping = /^[\da-f]+-[\da-f]+ (\S+) \S+ \S+ (\d+)\s*(.*)$/.exec(line);
    if (mapping !== null) kind = kindOf(mapping[1]!, mapping[3]!);
    const pss = /^Pss:\s+(\d+) kB/.exec(line);
    if (pss !== null) kinds.set(kind, (kinds.get(kind) ?? 0) + Number(pss[1]) / 1024);
  }
  const pssMb = [...kinds.values()].reduce((sum, one) => sum + one, 0);
  const name = nameOf(command);
  return { pid, name, pssMb, kinds };
}

function kindOf(access: string, file: string): string {
  if (file === '[heap]') return 'malloc';
  if (file.startsWith('[stack')) return 'stack';
  if (file.startsWith('/dev/zero') || file.startsWith('/dev/shm') || file.startsWith('/SYSV'))
    return 'shared';
  if (file !== '' && !file.startsWith('[')) return access.includes('w') ? 'data of files' : 'files';
  return access.includes('x') ? 'code made' : 'anonymous';
}

/** PostgreSQL's processes name themselves; backends of one user are of one name. */
function nameOf(command: string): string {
  const words = command.replaceAll('\0', ' ').trim();
  const server = /^postgres: (?:[\w/-]+: )?(\w+ \w+ [\d.]+\(|[\w ]+)/.exec(words)?.[1];
  if (server !== undefined)
    return server.endsWith('(') ? 'postgres: connection' : `postgres: ${server.trim()}`;
  return words.split(' ')[0]!.split('/').at(-1)!;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // It has ended between the two looks.
    return undefined;
  }
}
