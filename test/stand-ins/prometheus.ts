/** Debian's own Prometheus and Alertmanager, where they are installed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { needs } from '../needs';
import { testPort } from '../ports';

const PROMETHEUS = '/usr/bin/prometheus';
const ALERTMANAGER = '/usr/bin/prometheus-alertmanager';
const START_MS = 20_000;

export const hasPrometheus = needs(
  'Prometheus or Alertmanager',
  existsSync(PROMETHEUS) && existsSync(ALERTMANAGER),
  'prometheus prometheus-alertmanager',
);

interface Running {
  port: number;
  /** Another content of a file, which counts at once. */
  reload(file: string, content: object): void;
  stop(): Promise<void>;
}

/** Where alerts go, and by which token. */
export interface Target {
  port: number;
  token: string;
}

/** A Prometheus with one rule, evaluated and sent every second. It fires until it is told to end. */
export async function startPrometheus(alertname: string, targets: Target[]) {
  const rules = (expr: string) => ({
    groups: [
      {
        name: 'one',
        rules: [
          { alert: alertname, expr, labels: { severity: 'page' }, annotations: { value: '{{ $value }}' } },
        ],
      },
    ],
  });
  const files = {
    'prometheus.yml': {
      global: { evaluation_interval: '1s' },
      rule_files: ['rules.yml'],
      alerting: {
        alertmanagers: targets.map(({ port, token }) => ({
          static_configs: [{ targets: [`127.0.0.1:${port}`] }],
          authorization: { credentials: token },
        })),
      },
    },
    'rules.yml': rules('vector(93)'),
  };
  const running = await start(PROMETHEUS, files, (port) => [
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    '--rules.alert.resend-delay=1s',
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  const end = () => running.reload('rules.yml', rules('vector(93) > 100'));
  return { ...running, end };
}

/** An Alertmanager that tells a webhook at once, and again every second. */
export const startAlertmanager = (url: string, token: string): Promise<Running> =>
  startTelling({ webhook_configs: [{ url, http_config: { authorization: { credentials: token } } }] });

/** The same, which takes the address for PagerDuty's, Events API v2. */
export const startAlertmanagerOfPagerDuty = (url: string, routing_key: string): Promise<Running> =>
  startTelling({ pagerduty_configs: [{ url, routing_key, component: '{{ .CommonLabels.alertname }}' }] });

function startTelling(receiver: object): Promise<Running> {
  const files = {
    'alertmanager.yml': {
      route: {
        receiver: 'hook',
        group_by: ['alertname'],
        group_wait: '0s',
        group_interval: '1s',
        repeat_interval: '1s',
      },
      receivers: [{ name: 'hook', ...receiver }],
    },
  };
  return start(ALERTMANAGER, files, (port) => [
    '--config.file=alertmanager.yml',
    '--storage.path=data',
    '--cluster.listen-address=',
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
}

/** JSON is YAML. */
async function start(
  program: string,
  files: Record<string, object>,
  argsFor: (port: number) => string[],
): Promise<Running> {
  const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'prometheus-'));
  const write = (file: string, content: object) => writeFileSync(join(folder, file), JSON.stringify(content));
  for (const [file, content] of Object.entries(files)) write(file, content);
  const port = await testPort();
  const running = spawn(program, argsFor(port), { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  running.stderr.on('data', (chunk: Buffer) => (log += String(chunk)));
  for (let waitedMs = 0; !(await isReady(port)); waitedMs += 100) {
    if (waitedMs > START_MS || running.exitCode !== null) throw new Error(`${program} did not start: ${log}`);
    await sleep(100);
  }
  const stop = async () => {
    const gone = once(running, 'exit');
    running.kill('SIGTERM');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  const reload = (file: string, content: object) => {
    write(file, content);
    running.kill('SIGHUP');
  };
  return { port, reload, stop };
}

const isReady = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
