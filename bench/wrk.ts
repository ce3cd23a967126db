import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { figureIn, peersFolder } from './peers';

const CONNECTIONS = 32;

/** Posts of alerts by `wrk`, with the peers' script. */
export interface Posts {
  /** Alerts a request. */
  batch: number;
  /** `uniq`: each alert is new; `refresh`: a thousand are seen again and again. */
  mode: 'uniq' | 'refresh';
  seconds: number;
  /** Number before that of the first key. */
  after?: number;
}

/** Returns the line that wrk prints at its end. @param token in the URL, as it is where a sender knows no headers */
export function postByWrk(url: string, token: string, { batch, mode, seconds, after = 0 }: Posts): string {
  const script = join(peersFolder(), 'monscale-post.lua');
  const theirs = readFileSync(join(peersFolder(), 'alertmanager', 'post.lua'), 'utf8');
  const ours = theirs.replaceAll('"/api/v2/alerts"', `"/api/v2/alerts?token=${token}"`);
  writeFileSync(script, ours.replace('local n=0', `local n=${after}`));
  const { stdout } = spawnSync(
    'wrk',
    ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, '--timeout', '10s', '--latency', url],
    { env: { ...process.env, BATCH: String(batch), MODE: mode }, encoding: 'utf8' },
  );
  if (figureIn(stdout, 'rps') === undefined) throw new Error(`wrk printed no figures: ${stdout}`);
  return stdout;
}
