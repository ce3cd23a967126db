import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ALERT_FORMATS } from '../src/alerts/formats';
import { AlertFormatMapping } from '../src/alerts/formats/alert-format';
import { NativeAlert } from '../src/alerts/formats/native.format';
import { SourceDto } from '../src/alerts/sources';
import { check } from '../src/common/check';
import { fieldsOf } from '../src/common/fields';
import type { MappingOptions } from '../src/common/mapping-registry';
import { testPort } from './ports';
import { InfrastructureDto } from '../src/infrastructures/infrastructure.dto';
import { LoadBalancerMapping } from '../src/load-balancers/load-balancer';
import { LOAD_BALANCER_MAPPINGS } from '../src/load-balancers/mappings';
import { POLICY_MAPPINGS } from '../src/policies';
import { PolicyMapping } from '../src/policies/policy';
import { WebhookParams } from '../src/actions/mappings/webhook.action';
import { rendered } from '../src/actions/rendering';
import { ContactDto } from '../src/contacts/contact.dto';
import { messageOf, type Told } from '../src/contacts/message';
import { MonscaleProcess, type Json } from './program';

const ROOT = resolve(__dirname, '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** The first JSON block of a page. */
function exampleOf(page: string): Json {
  const [, json] = /```json\n([\s\S]*?)```/.exec(read(page)) ?? [];
  return JSON.parse(json ?? '');
}

const optionsOf = (decorator: { KEY: string }, cls: object) =>
  Reflect.getMetadata(decorator.KEY, cls) as MappingOptions;

// Metrics and actions: in their conformance specs.
test.each(POLICY_MAPPINGS.map((cls) => optionsOf(PolicyMapping, cls)))(
  'the example of policy $type is valid',
  ({ type, params }) => {
    const example = exampleOf(`docs/policies/${type}.md`);
    expect(example.type).toBe(type);
    expect(check(params, example.params).errors).toEqual([]);
  },
);

test.each(ALERT_FORMATS.map((cls) => optionsOf(AlertFormatMapping, cls)))(
  'the example of alert format $type is valid',
  ({ type, params }) => {
    const example = exampleOf(`docs/alerts/${type}.md`);
    if (type === 'native') return expect(check(NativeAlert, example).errors).toEqual([]);
    expect(check(SourceDto, example).errors).toEqual([]);
    expect(example.format).toBe(type);
    expect(check(params, example.params).errors).toEqual([]);
  },
);

describe('contacts', () => {
  const page = read('docs/contacts.md');
  const examples = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json]) => JSON.parse(json!));

  test('the example is valid, and every field has its row', () => {
    expect(check(ContactDto, examples[0]).errors).toEqual([]);
    for (const { name } of fieldsOf(ContactDto)) expect(page).toContain(`\n| \`${name}\``);
  });

  test('those who are on call get what they take, whatever is said', () => {
    const told: Told = { id: 'a', event: 'failed', text: 'said "no"\n', since: new Date(0), facts: {}, endedAt: new Date(0), endedHow: 'it "succeeded"' }; // prettier-ignore
    const bodies = (message: object) =>
      examples.slice(1).map(({ params }) => {
        expect(check(WebhookParams, params).errors).toEqual([]);
        return JSON.parse(rendered(WebhookParams, params as WebhookParams, { message, contact: { name: 'a "b"' } }).body!); // prettier-ignore
      });
    expect(bodies(messageOf([told], [], 0, 1))).toMatchObject([
      { event_action: 'trigger', dedup_key: 'monscale a "b"', payload: { summary: 'said "no"\n' } },
      { action: 'trigger', dedup: 'monscale a "b"', summary: 'said "no"\n' },
    ]);
    expect(bodies(messageOf([], [told], 0, 0))).toMatchObject([
      { event_action: 'resolve' },
      { action: 'close' },
    ]);
  });
});

test.each(LOAD_BALANCER_MAPPINGS.map((cls) => optionsOf(LoadBalancerMapping, cls)))(
  'the page of load balancer $type has a valid example and names every param',
  ({ type, params }) => {
    const page = `docs/load-balancers/${type}.md`;
    const example = exampleOf(page);
    expect(check(InfrastructureDto, example).errors).toEqual([]);
    expect(example.loadBalancer.type).toBe(type);
    expect(check(params, example.loadBalancer.params).errors).toEqual([]);
    for (const { name } of fieldsOf(params)) expect(read(page)).toContain(`\n| \`${name}\``);
  },
);

describe('the first rule of the README and the alert of the first steps, word for word', () => {
  let answers: Json[];
  let program: MonscaleProcess;

  beforeAll(async () => {
    const project = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'read me '));
    mkdirSync(join(project, '.monscale'), { mode: 0o700 });
    const [port, listener] = [await testPort(), await testPort()];
    const dataDir = join(project, '.monscale');
    program = new MonscaleProcess({ env: { MONSCALE_DATA_DIR: dataDir, MONSCALE_ADMIN_TOKEN: '' } }, port);
    await program.ready();
    answers = await follow(project, { '8080': String(port), '9000': String(listener) });
  }, 90_000);

  afterAll(() => program?.stop());

  test('goes from pending to a webhook, says why, and recovers', () => {
    const [action, service, pending, decisions, executions, ok] = answers;
    expect(action).toMatchObject({ name: 'more-workers', version: 1 });
    expect(service).toMatchObject({ name: 'jobs-waiting', actions: ['more-workers'] });
    expect(pending).toMatchObject({ phase: 'pending', reason: 'holding', values: { jobs: { value: 5 } } });
    expect(pending.explanation).toMatch(
      /^jobs is 5, over 3 for \d+ s of 6 s; triggers at \d\d:\d\d:\d\dZ unless it ends$/,
    );
    expect(decisions.items.map(({ reason }: Json) => reason)).toContain('triggered');
    expect(executions.items).toMatchObject([
      { service: 'jobs-waiting', action: 'more-workers', status: 'succeeded' },
    ]);
    expect(ok).toMatchObject({ phase: 'ok', reason: 'condition_false', values: { jobs: { value: 0 } } });
  });

  test('an alert goes the same way', () => {
    const [, , , , , , service, accepted, alerts] = answers;
    expect(service).toMatchObject({ name: 'web-down' });
    expect(accepted).toMatchObject({ accepted: [{}], rejected: [] });
    expect(alerts.items).toMatchObject([
      { matched: [{ service: 'web-down', metric: 'outage' }], executions: [expect.any(String)] },
    ]);
  });
});

describe('the test of rules in the first steps', () => {
  const project = () => join(mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'read me ')), 'my-rules');
  const monscale = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(ROOT, 'dist/src/cli/main.js'), ...args], { timeout: 30_000 });

  test('is the one that init makes, and passes', async () => {
    const folder = project();
    await monscale('init', folder);
    const [, shown = ''] = /```yaml\n(rules: rules.yaml[\s\S]*?)```/.exec(read('docs/first-steps.md')) ?? [];
    expect(readFileSync(join(folder, 'rules.test.yaml'), 'utf8')).toContain(shown);
    const { stdout } = await monscale('test', join(folder, 'rules.test.yaml'));
    expect(stdout).toContain('3 passed, 0 failed');
    expect(statSync(join(folder, '.env')).mode & 0o777).toBe(0o600);
  });

  test('fails as shown when the rule is broken', async () => {
    const folder = project();
    await monscale('init', folder);
    const rules = readFileSync(join(folder, 'rules.yaml'), 'utf8');
    writeFileSync(join(folder, 'rules.yaml'), rules.replace('holdSeconds: 60', 'holdSeconds: 90'));
    const [, shown = ''] = /```\n( {2}✗[\s\S]*?)```/.exec(read('docs/first-steps.md')) ?? [];
    await expect(monscale('test', join(folder, 'rules.test.yaml'))).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining(shown),
    });
  });

  test('says where the rule or the test is wrong', async () => {
    const folder = project();
    await monscale('init', folder);
    const rules = readFileSync(join(folder, 'rules.yaml'), 'utf8');
    writeFileSync(join(folder, 'rules.yaml'), rules.replace('cpu > 80', 'cup > 80'));
    await expect(monscale('test', join(folder, 'rules.test.yaml'))).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\/services\/0\/condition.*Unknown variable: cup/),
    });
  });
});

/** Runs the commands of both sections in a folder of its own, on other ports; answers every JSON document they print. */
async function follow(project: string, ports: Record<string, string>): Promise<Json[]> {
  const commands = [
    ...commandsOf('README.md', 'A first rule in five minutes'),
    ...commandsOf('docs/first-steps.md', 'An alert'),
    ...commandsOf('docs/first-steps.md', 'Why'),
  ].join('\n');
  const script = Object.entries(ports)
    .reduce((text, [from, to]) => text.replaceAll(from, to), commands)
    // What the listener prints at any moment would end up in the middle of an answer.
    .replace(/\)" &$/m, ')" >&2 &')
    .replaceAll(
      'npm run -s redis --',
      `MONSCALE_DATA_DIR='${join(project, '.monscale')}' node '${join(ROOT, 'scripts/redis.mjs')}'`,
    );
  const { stdout } = await promisify(execFile)('bash', ['-ec', `trap 'kill %1' EXIT\n${script}`], {
    cwd: project,
    timeout: 60_000,
  });
  return stdout
    .split('\n')
    .filter((line) => /^\{"(?!execution")/.test(line))
    .map((line) => JSON.parse(line));
}

/** Shell commands of a section of a page, which must have some. */
function commandsOf(page: string, heading: string): string[] {
  const [, section = ''] = new RegExp(`## ${heading}\\n([\\s\\S]*?)\\n## `).exec(read(page)) ?? [];
  const blocks = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block!);
  if (blocks.length === 0) throw new Error(`${page} has no commands below "${heading}"`);
  return blocks;
}
