/** What the spec of the pool runs on threads. */
export interface Asked {
  spinMs?: number;
  megabytes?: number;
  fails?: string;
  exits?: boolean;
  buffer?: ArrayBuffer;
}

export default function run({ spinMs = 0, megabytes = 0, fails, exits, buffer }: Asked): number {
  if (exits) process.exit(3);
  if (fails !== undefined) throw new Error(fails);
  const kept: unknown[] = [];
  for (let i = 0; i < megabytes * 10; i++)
    kept.push(Array.from({ length: 12_500 }, (_, index) => index + 0.5));
  const end = performance.now() + spinMs;
  while (performance.now() < end);
  return kept.length + (buffer?.byteLength ?? 0);
}
