import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import type { Size } from '../sizing';
import { addSize } from './size';

/** Returns what the command prints, and what is said of a mistake. */
function run(...args: string[]): { out: string; mistake: string } {
  const program = new Command('monscale').exitOverride();
  let [out, mistake] = ['', ''];
  program.configureOutput({ writeErr: (text) => (mistake += text) });
  const log = jest.spyOn(console, 'log').mockImplementation((text: string) => void (out += text));
  addSize(program, () => {
    throw new Error('no server is asked');
  });
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  try {
    program.parse(['node', 'monscale', 'size', ...args]);
  } catch (error) {
    if (!(error instanceof CommanderError)) mistake += (error as Error).message;
  } finally {
    log.mockRestore();
  }
  return { out, mistake };
}

describe('monscale size', () => {
  it('says for people what was asked, and what each part takes', () => {
    const { out, mistake } = run('--services', '100000', '--interval', '60', '--alerts', '1000');
    expect(mistake).toBe('');
    expect(out).toMatch(/^100,000 services polled every 60 s \(1,667 polls\/s\)/);
    expect(out).toContain('1,000 alerts/s, 1 a request, 10 % of them new');
    for (const part of ['api', 'scheduler', 'worker-polls', 'worker-alerts-actions', 'trap', 'PostgreSQL', 'Redis'])
      expect(out).toMatch(new RegExp(`^ *${part} *`, 'm'));
    expect(out).toMatch(/^ {2}disk +\d/m);
    expect(out).toMatch(/^worker-polls +\d+\.\d\d +1 +2 +\d+m, \d+Mi +\d+Mi$/m);
  });

  it('says what its page shows', () => {
    const page = readFileSync(join(__dirname, '../../../docs/scaling.md'), 'utf8');
    const [, args, shown] = /npx monscale size (.*)\n```\n\n```text\n([^]*?)\n```/.exec(page)!;
    expect(run(...args!.split(' ')).out).toBe(shown);
  });

  it('says the same to programs', () => {
    const size = JSON.parse(run('--services', '1000', '--history-days', '7', '--json').out) as Size & { load: object };
    expect(size.load).toMatchObject({ services: 1_000, intervalSeconds: 60, historyDays: 7, samplesDays: 14 });
    expect(size.workloads['worker-polls']).toMatchObject({ processes: 1, replicas: 2 });
    expect(size.postgresql.diskBytes).toBeGreaterThan(0);
    expect(size.redis.memoryMib).toBeGreaterThan(0);
  });

  it('takes the retention that a program without settings has', () => {
    const { load } = JSON.parse(run('--services', '1', '--json').out) as { load: object };
    expect(load).toMatchObject({ samplesDays: 14, fiveMinutesDays: 90, hoursDays: 730, historyDays: 90 });
  });

  it.each([
    [['--services', 'many'], /--services <count>' argument 'many' is invalid\. It must be a whole number from 0 to 10,000,000/],
    [['--services', '1.5'], /It must be a whole number/],
    [['--services', '-3'], /--services/],
    [['--services', '1e9'], /It must be a whole number/],
    [['--services', '10000001'], /It must be a whole number from 0 to 10,000,000/],
    [['--services', '1', '--interval', '0'], /--interval <seconds>' argument '0' is invalid\. It must be a whole number from 1 to 86,400/],
    [['--alerts', '1', '--new', '1.1'], /--new <share>' argument '1\.1' is invalid\. It must be a number from 0 to 1/],
    [['--alerts', 'NaN'], /It must be a number from 0 to 1,000,000/],
    [['--alerts', ''], /It must be a number/],
    [['--alerts', '1', '--batch', '0'], /--batch <count>/],
    [[], /say what is asked of it: --services, --alerts, --traps/],
    [['--services', '1', '--samples-days', '91'], /--steps-5m-days must be at least --samples-days/],
    [['--services', '1', '--steps-5m-days', '800'], /--steps-1h-days must be at least --steps-5m-days/],
    [['--services', '1', '--service', '2'], /unknown option '--service'/],
  ])('refuses %j, and says what it wants', (args, message) => {
    const { out, mistake } = run(...args);
    expect(out).toBe('');
    expect(mistake).toMatch(message);
  });
}); // prettier-ignore
