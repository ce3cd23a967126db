/** Definitions of people who may write them, and who want, or do, harm. */
import { mkfifoSync } from './fifo';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { oneOf, upTo, type Mischief, type Stage } from './mischief';

const NAMES = [
  'toString',
  'constructor',
  '__proto__',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
  'length',
];

const deep = (open: string, middle: string, close: string, times: number): string =>
  open.repeat(times) + middle + close.repeat(times);

/** Conditions, templates and matches that are large, deep, or products. */
const WORK: ((random: Stage['random']) => object)[] = [
  () => ({ condition: deep('(', 'value > 1', ')', 5_000) }),
  () => ({ condition: Array.from({ length: 20_000 }, () => 'value > 1').join(' || ') }),
  () => ({ condition: `${'[1,2,3,4,5,6,7,8,9,10].all(a, '.repeat(8)}value > 1.0${')'.repeat(8)}` }),
  () => ({ description: 'x'.repeat(3_000_000) }),
  (random) => ({
    metrics: { value: { type: 'alert', params: { match: { [oneOf(random, NAMES)]: { regex: '.*' } } } } },
  }),
  () => ({
    metrics: { value: { type: 'alert', params: { match: { a: { regex: '((a{1,100}){1,100}){1,100}' } } } } },
  }),
  (random) => ({ labels: { [oneOf(random, NAMES)]: 'x' } }),
  (random) => ({ metrics: { [oneOf(random, NAMES)]: { type: 'static_count', params: { value: 1 } } } }),
];

const services: Mischief = {
  name: 'services that are hard to read',
  play: async ({ front, random }) => {
    const { api } = front;
    for (const make of WORK) {
      const name = `hostile-${upTo(random, 1e9)}`;
      const { status } = await api.post('/services', {
        name,
        intervalSeconds: 1,
        metrics: { value: { type: 'alert', params: { match: { kind: 'good' } } } },
        condition: 'value > 1',
        ...make(random),
      });
      if (status >= 500) throw new Error(`${status} to a service`);
      if (status === 201) await api.post('/alerts', { labels: { toString: 'x', a: 'aaa' } });
      await api.delete(`/services/${name}`);
    }
  },
};

const TEMPLATES = [
  '{% for i in (1..1000000000) %}x{% endfor %}',
  `{% assign x = "xxxxxxxxxx" %}${'{% assign x = x | append: x %}'.repeat(40)}{{ x }}`,
  `${'{% for i in (1..1000) %}'.repeat(6)}x${'{% endfor %}'.repeat(6)}`,
  '{{ service.constructor.name }}{{ service.__proto__ }}',
  `{{ "${'a'.repeat(100_000)}" | split: "" | join: "b" | split: "" | size }}`,
];

const templates: Mischief = {
  name: 'templates that never end',
  play: async ({ front, random }) => {
    for (const body of TEMPLATES) {
      const name = `hostile-${upTo(random, 1e9)}`;
      const made = await front.api.post('/actions', {
        name,
        type: 'log_message',
        params: { message: body },
      });
      if (made.status >= 500) throw new Error(`${made.status} to an action`);
      const tried = await front.api.post(`/actions/${name}/test`, { dryRun: true });
      if (tried.status >= 500) throw new Error(`${tried.status} to a test of an action`);
      await front.api.delete(`/actions/${name}`);
    }
  },
};

const documents: Mischief = {
  name: 'documents that are hard to read',
  play: async ({ front }) => {
    const aliases = `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(',')}]`).join('\n')}`;
    const many = `services:\n${Array.from({ length: 20_000 }, (_, n) => `  - {name: s${n}, metrics: {}}`).join('\n')}`;
    const nested = `a: ${'['.repeat(20_000)}`;
    for (const [type, body] of [
      ['application/yaml', aliases],
      ['application/yaml', many],
      ['application/yaml', nested],
      ['application/json', '['.repeat(200_000)],
      ['application/json', `{"services": ${JSON.stringify(Array(50_000).fill({}))}}`],
      ['application/json', '{"__proto__": {"services": []}, "constructor": {"prototype": {}}}'],
    ] as const) {
      const { status } = await front.api.post('/import?dryRun=true', body, { 'Content-Type': type });
      if (status >= 500 && status !== 503) throw new Error(`${status} to a document`);
    }
  },
};

const mibs: Mischief = {
  name: 'MIBs that are products',
  play: async ({ front }) => {
    const chain = Array.from(
      { length: 120 },
      (_, n) =>
        `n${n} OBJECT IDENTIFIER ::= { ${n === 0 ? 'enterprises 1' : `n${n - 1} ${'1 '.repeat(200)}`} }`,
    );
    const leaves = Array.from({ length: 20_000 }, (_, n) => `leaf${n} OBJECT IDENTIFIER ::= { n119 ${n} }`);
    const text = `HOSTILE-MIB DEFINITIONS ::= BEGIN\nIMPORTS enterprises FROM SNMPv2-SMI;\n${[...chain, ...leaves].join('\n')}\nEND`;
    const circle =
      'CIRCLE-MIB DEFINITIONS ::= BEGIN\na OBJECT IDENTIFIER ::= { b 1 }\nb OBJECT IDENTIFIER ::= { a 1 }\nEND';
    for (const body of [text, circle, `X-MIB DEFINITIONS ::= BEGIN ${'"'.repeat(100_001)}`]) {
      const { status } = await front.api.post('/mibs', body, { 'Content-Type': 'text/plain' });
      if (status >= 500) throw new Error(`${status} to a MIB`);
    }
  },
};

const files: Mischief = {
  name: 'secrets in files that misbehave',
  play: async ({ front, folder, random }) => {
    const at = (name: string): string => join(folder, 'secrets', `${name}-${upTo(random, 1e9)}`);
    const [fifo, link, large, device] = [at('fifo'), at('link'), at('large'), at('device')];
    mkfifoSync(fifo);
    symlinkSync('/etc/passwd', link);
    writeFileSync(large, 'x'.repeat(10_000_000));
    symlinkSync('/dev/zero', device);
    for (const file of [
      fifo,
      link,
      large,
      device,
      '/etc/passwd',
      '/proc/self/environ',
      `${folder}/secrets/../../etc/passwd`,
    ]) {
      const name = `hostile-${upTo(random, 1e9)}`;
      const { status } = await front.api.post('/services', {
        name,
        intervalSeconds: 1,
        metrics: {
          value: {
            type: 'http_status',
            params: { url: 'http://127.0.0.1:1/', headers: { 'x-key': { file } } },
          },
        },
        condition: 'value > 1',
      });
      if (status >= 500) throw new Error(`${status} to a file`);
      await front.api.post(`/services/${name}/evaluate`);
      await front.api.delete(`/services/${name}`);
    }
  },
};

export const DEFINITIONS = [services, templates, documents, mibs, files];
