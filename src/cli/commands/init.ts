import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';

const RULES = `# What is watched, and what is done about it. Look at what would change, then do it:
#   npx monscale plan rules.yaml
#   npx monscale import rules.yaml
infrastructures:
  - name: web
    minNodes: 2
    maxNodes: 4
    # What counts its nodes.
    nodes: { type: static_count, params: { value: 2 } }

actions:
  - name: more-web
    type: webhook
    params: { url: 'http://127.0.0.1:9000/scale' }

services:
  - name: web-cpu-high
    intervalSeconds: 10
    metrics:
      cpu:
        type: snmp_oid
        params: { host: 127.0.0.1, oid: 1.3.6.1.4.1.2021.11.9.0 }
    condition: cpu > 80
    recovery: cpu < 60
    holdSeconds: 60
    wisdomSeconds: 300
    infrastructure: web
    direction: up
    actions: [more-web]
    # It decides and records, and acts on nothing, until this says auto.
    mode: shadow
`;

const TESTS = `# npx monscale test rules.test.yaml
rules: rules.yaml
tests:
  - name: a minute over 80 asks for one node more
    service: web-cpu-high
    nodes: 2
    # One value every 10 s: 50 and five more of it, 93 and ten more.
    series: { cpu: 50x5 93x10 }
    triggers: [{ at: 2m, nodes: 3 }]
    at:
      50s: ok condition_false
      60s: pending holding
      2m: alarm shadowed

  - name: a lost reading adds nothing to the hold
    service: web-cpu-high
    # _ is a read that failed.
    series: { cpu: 93x2 _ _ 93x6 }
    triggers: [90s]
    at:
      30s: unknown missing_data

  - name: with four nodes there is no room
    service: web-cpu-high
    nodes: 4
    series: { cpu: 93x7 }
    triggers: []
    at:
      1m: alarm at_max_nodes
`;

const ENV =
  () => `# Settings of its own: \`npm start\` reads the .env beside its package.json. See .env.example there for all of them.
MONSCALE_ADMIN_TOKEN=${randomBytes(24).toString('base64url')}
MONSCALE_SECRET_KEY=${randomBytes(32).toString('base64')}
`;

/** Returns the files of a project folder: name, content, mode. */
const files = (): [string, string, number][] => [
  ['.env', ENV(), 0o600],
  ['.gitignore', '.env\n.monscale/\n', 0o644],
  ['rules.yaml', RULES, 0o644],
  ['rules.test.yaml', TESTS, 0o644],
];

/** Adds `monscale init`, which makes a small folder for rules as code. */
export function addInit(program: Command): void {
  program
    .command('init')
    .description('make a project folder: settings, an example rule and its test')
    .argument('<folder>', 'a folder that is not there yet, or empty')
    .action((folder: string) => {
      if (existsSync(folder) && readdirSync(folder).length > 0) {
        throw new Error(`${folder} is not empty: nothing is written over what is there`);
      }
      mkdirSync(folder, { recursive: true });
      for (const [name, content, mode] of files()) {
        writeFileSync(join(folder, name), content, { mode, flag: 'wx' });
        console.log(`made ${join(folder, name)}`);
      }
      console.log(`\nnext: npx monscale test ${join(folder, 'rules.test.yaml')}`);
    });
}
