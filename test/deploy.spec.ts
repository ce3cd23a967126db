import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv from 'ajv';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { registry } from '../src/common/telemetry';
import { QUEUES, readConfig, ROLES, type Config } from '../src/config/config';
import { AddressRefused, refuseAddress } from '../src/targets/address-guard';
import {
  containersOf,
  environmentOf,
  hasKubectl,
  hasPromtool,
  named,
  ofKind,
  podOf,
  rendered,
  ROOT,
  workloadsOf,
} from './deploy/manifests';
import schemas from './deploy/schemas.json';
import type { Json } from './program';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };
const OVERLAYS = readdirSync(join(ROOT, 'deploy/kubernetes/overlays')).sort();
const MONITORING = 'deploy/kubernetes/components/monitoring';

/** What the Secret has that users make: docs/kubernetes.md. */
const SECRETS = {
  DATABASE_URL: 'postgres://monscale:a-password@postgres/monscale',
  REDIS_URL: 'redis://redis:6379/0',
  MONSCALE_SECRET_KEY: Buffer.alloc(32).toString('base64'),
  MONSCALE_METRICS_TOKEN: 'a-token-of-metrics',
  MONSCALE_ADMIN_TOKEN: 'a-token-of-an-administrator',
};

/** Of OpenShift, whose types no package has (route.openshift.io/v1). */
const ROUTE = {
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'metadata', 'spec'],
  properties: {
    apiVersion: { const: 'route.openshift.io/v1' },
    kind: { const: 'Route' },
    metadata: { $ref: '#/definitions/v1.ObjectMeta' },
    spec: {
      type: 'object',
      additionalProperties: false,
      required: ['to'],
      properties: {
        host: { type: 'string' },
        path: { type: 'string' },
        wildcardPolicy: { enum: ['None', 'Subdomain'] },
        port: { type: 'object', additionalProperties: false, required: ['targetPort'], properties: { targetPort: {} } },
        tls: {
          type: 'object',
          additionalProperties: false,
          required: ['termination'],
          properties: {
            termination: { enum: ['edge', 'passthrough', 'reencrypt'] },
            insecureEdgeTerminationPolicy: { enum: ['None', 'Allow', 'Redirect'] },
          },
        },
        to: {
          type: 'object',
          additionalProperties: false,
          required: ['kind', 'name'],
          properties: { kind: { const: 'Service' }, name: { type: 'string' }, weight: { type: 'number' } },
        },
      },
    },
  },
}; // prettier-ignore

/** Fields whose names are the users' own: nothing is unknown in them. */
const FREE = new Set([
  ...['labels', 'annotations', 'matchLabels', 'nodeSelector', 'data', 'requests', 'limits'],
  // Of a trigger of KEDA.
  'metadata',
]);

const ajv = new Ajv({ allErrors: true, strict: false });
const definitions = schemas.definitions;
const validators = new Map(
  Object.entries({ ...schemas.kinds, 'route.openshift.io/v1 Route': ROUTE } as Record<string, object>).map(
    ([kind, schema]) => [
      kind,
      ajv.compile({ ...('$ref' in schema ? { allOf: [schema] } : schema), definitions }),
    ],
  ),
);

function problemsOf(object: Json): string[] {
  const validate = validators.get(`${object.apiVersion} ${object.kind}`);
  if (validate === undefined) return [`${named(object)}: no schema`];
  return validate(object) ? [] : validate.errors!.map(({ instancePath, message, params }) => `${named(object)} ${instancePath} ${message} ${JSON.stringify(params)}`);
} // prettier-ignore

/** Yields paths of all mappings of an object whose fields are known. */
function* mappingsIn(value: Json, path: string[] = []): Generator<string[]> {
  if (Array.isArray(value)) for (const [index, one] of value.entries()) yield* mappingsIn(one, [...path, `${index}`]);
  else if (typeof value === 'object' && value !== null) {
    const isTop = path.length === 1 && path[0] === 'metadata';
    if (FREE.has(path.at(-1) ?? '') && !isTop && !isTemplateMetadata(path)) return;
    // Of a Service.
    if (path.join('.') === 'spec.selector' && value.matchLabels === undefined) return;
    if (Object.keys(value).length > 0) yield path;
    for (const [name, one] of Object.entries(value)) yield* mappingsIn(one, [...path, name]);
  }
} // prettier-ignore

const isTemplateMetadata = (path: string[]): boolean =>
  path.at(-1) === 'metadata' && (path.at(-2) === 'template' || path.includes('volumeClaimTemplates'));

const at = (object: Json, path: string[]): Json => path.reduce((inside, step) => inside[step], object);

/** Are all labels of a selector on the pods of a workload? */
const selects = (selector: Json, workload: Json): boolean =>
  Object.entries(selector ?? {}).every(
    ([label, value]) => workload.spec.template.metadata.labels?.[label] === value,
  );

(hasKubectl
  ? describe.each(['base', ...OVERLAYS.map((name) => `overlays/${name}`)])
  : describe.skip.each(['']))('manifests of %s', (folder) => {
  let objects: Json[];
  let workloads: Json[];
  const configs = new Map<string, Config>();

  beforeAll(() => {
      objects = rendered(folder);
      workloads = workloadsOf(objects);
      for (const workload of workloads)
        configs.set(workload.metadata.name, readConfig(environmentOf(objects, podOf(workload).containers[0], SECRETS)));
    }); // prettier-ignore

  test('are as Kubernetes, KEDA and the Prometheus Operator take them', () => {
    expect(objects.flatMap(problemsOf)).toEqual([]);
    expect(objects.length).toBeGreaterThan(15);
  });

  test('no field could be misspelt unseen, at any place', () => {
    const unseen: string[] = [];
    let places = 0;
    for (const object of objects)
      for (const path of mappingsIn(object)) {
        places++;
        const copy = structuredClone(object);
        at(copy, path).misspelt = 'x';
        if (problemsOf(copy).length === 0) unseen.push(`${named(object)} ${path.join('.')}`);
      }
    expect(unseen).toEqual([]);
    expect(places).toBeGreaterThan(200);
  });

  test('the environment has no mistake and no unknown variable, and each role and queue is served', () => {
    for (const { unknownVariables, migrateAtStart } of configs.values())
      expect([unknownVariables, migrateAtStart]).toEqual([[], false]);
    expect(new Set([...configs.values()].flatMap(({ roles }) => roles))).toEqual(new Set(ROLES));
    const queues = [...configs.values()].flatMap((one) => (one.roles.includes('worker') ? one.queues : []));
    expect(queues.sort()).toEqual([...QUEUES].sort());
    // Each workload is one role.
    for (const { roles } of configs.values()) expect(roles).toHaveLength(1);
  });

  test('what is shared is the same everywhere, and the administrator is known to the API alone', () => {
    for (const [name, config] of configs) {
      expect([config.databaseUrl, config.redisUrl, config.metricsToken, config.secretKey?.length]).toEqual([
        SECRETS.DATABASE_URL,
        SECRETS.REDIS_URL,
        SECRETS.MONSCALE_METRICS_TOKEN,
        32,
      ]);
      expect(config.adminToken).toBe(name === 'monscale-api' ? SECRETS.MONSCALE_ADMIN_TOKEN : undefined);
      // No definition may name the token of a pod's account, which is below /run/secrets.
      expect(config.secretsFolders).toEqual(['/etc/monscale/secrets']);
    }
  });

  test('ports are those that the program listens at, and what asks for them finds them', () => {
      for (const workload of workloads) {
        const { roles, http, metricsPort, trap } = configs.get(workload.metadata.name)!;
        const [container] = podOf(workload).containers;
        const expected = [
          { name: 'http', containerPort: roles.includes('api') ? http.port : metricsPort, protocol: 'TCP' },
          ...(roles.includes('trap') ? [{ name: 'snmp', containerPort: trap.port, protocol: 'UDP' }] : []),
        ];
        expect(container.ports.map((port: Json) => ({ protocol: 'TCP', ...port }))).toEqual(expected);
        for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
          expect(container[probe].httpGet.port).toBe('http');
      }
      for (const { metadata, spec } of ofKind(objects, 'Service')) {
        const behind = workloads.filter((workload) => selects(spec.selector, workload));
        expect([metadata.name, behind.length]).toEqual([metadata.name, metadata.name === 'monscale-metrics' ? workloads.length : 1]);
        for (const { targetPort, protocol = 'TCP' } of spec.ports)
          for (const workload of behind)
            expect(podOf(workload).containers[0].ports).toContainEqual(
              expect.objectContaining({ name: targetPort, ...(protocol === 'UDP' ? { protocol } : {}) }),
            );
      }
    }); // prettier-ignore

  test('every pod runs contained, as any user, and writes to volumes alone', () => {
      for (const object of [...workloads, ...ofKind(objects, 'Job')]) {
        const pod = podOf(object);
        expect(pod).toMatchObject({
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        });
        const mayGroup = folder !== 'overlays/openshift' && folder !== 'base' && object.kind === 'StatefulSet';
        for (const field of ['runAsUser', 'runAsGroup', 'supplementalGroups', ...(mayGroup ? [] : ['fsGroup'])])
          expect(pod.securityContext).not.toHaveProperty(field);
        for (const container of containersOf(object)) {
          expect(container).toMatchObject({
            image: `monscale:${version}`,
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            },
            resources: { requests: { cpu: expect.anything(), memory: expect.anything() }, limits: { memory: expect.anything() } },
            volumeMounts: expect.arrayContaining([{ name: 'tmp', mountPath: '/tmp' }]),
          });
          expect(container.securityContext).not.toHaveProperty('runAsUser');
        }
        const claimed = (object.spec.volumeClaimTemplates ?? []).map(({ metadata }: Json) => metadata.name);
        const volumes = [...pod.volumes.map(({ name }: Json) => name), ...claimed];
        for (const { volumeMounts } of containersOf(object))
          for (const { name } of volumeMounts) expect(volumes).toContain(name);
      }
    }); // prettier-ignore

  test('a pod waits for the schema, and drains within its grace time', () => {
    const [job, ...others] = ofKind(objects, 'Job');
    expect(others).toEqual([]);
    // A Job can't be changed: each version has its own.
    expect(job.metadata.name).toBe(`monscale-migrate-${version.replaceAll('.', '-')}`);
    for (const workload of workloads) {
      const pod = podOf(workload);
      expect(pod.initContainers[0].command).toEqual(expect.arrayContaining(['migrate', '--wait']));
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(5 + 30 + 5);
    }
    expect(podOf(job).containers[0].command).toContain('migrate');
  });

  test('the spool outlives its pod and fits its volume, and notifications keep the address of their sender', () => {
      const trap = workloads.find(({ kind }) => kind === 'StatefulSet');
      const { spool } = configs.get(trap.metadata.name)!;
      const [mount] = podOf(trap).containers[0].volumeMounts.filter(({ name }: Json) => name === 'spool');
      expect(`${spool.dir}/`.startsWith(`${mount.mountPath}/`)).toBe(true);
      expect(trap.spec.volumeClaimTemplates).toMatchObject([{ metadata: { name: 'spool' }, spec: { resources: { requests: { storage: '1Gi' } } } }]);
      expect(spool.maxBytes).toBeLessThan(2 ** 30);
      const service = objects.find((object) => named(object) === 'Service monscale-trap');
      expect(service.spec).toMatchObject({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 162, protocol: 'UDP' }] });
    }); // prettier-ignore

  test('each workload has one budget for disruptions, and at most one scaler, which alone sets its replicas', () => {
      const scalers = ofKind(objects, 'HorizontalPodAutoscaler', 'ScaledObject');
      for (const workload of workloads) {
        const budgets = ofKind(objects, 'PodDisruptionBudget').filter(({ spec }) => selects(spec.selector.matchLabels, workload));
        expect(budgets).toMatchObject([{ spec: { maxUnavailable: 1 } }]);
        const mine = scalers.filter(({ spec }) => spec.scaleTargetRef.name === workload.metadata.name);
        expect([workload.metadata.name, mine.length]).toEqual([workload.metadata.name, workload.spec.replicas === undefined ? 1 : 0]);
      }
      const names = workloads.map(({ metadata }) => metadata.name);
      for (const { spec } of scalers) expect(names).toContain(spec.scaleTargetRef.name);
      // UDP does not find a pod that was not there before.
      for (const { spec } of scalers) expect(spec.scaleTargetRef.name).not.toBe('monscale-trap');
    }); // prettier-ignore

  test('KEDA asks for what the API answers, and never takes away what it can not see', () => {
      const service = objects.find((object) => named(object) === 'Service monscale-api');
      for (const { spec } of ofKind(objects, 'ScaledObject')) {
        const asked = spec.triggers.filter(({ type }: Json) => type === 'metrics-api');
        for (const { metadata, metricType, authenticationRef } of asked) {
          const { hostname, port, pathname, searchParams } = new URL(metadata.url);
          expect([hostname, port || '80', pathname]).toEqual([
            `${service.metadata.name}.${service.metadata.namespace}.svc.cluster.local`,
            String(service.spec.ports[0].port),
            '/api/v1/scaling',
          ]);
          const queue = searchParams.get('queue');
          expect(metadata.valueLocation).toBe(`${queue}.oldestSeconds`);
          const config = configs.get(spec.scaleTargetRef.name)!;
          expect(config.queues).toContain(queue);
          expect([metricType, Number(metadata.targetValue) > 0]).toEqual(['Value', true]);
          const auth = objects.find((object) => named(object) === `TriggerAuthentication ${authenticationRef.name}`);
          expect(auth.spec.secretTargetRef).toEqual([{ parameter: 'token', name: 'monscale', key: 'MONSCALE_METRICS_TOKEN' }]);
        }
        if (asked.length > 0) expect(spec.fallback.behavior).toBe('currentReplicasIfHigher');
        expect(spec.minReplicaCount).toBeGreaterThanOrEqual(1);
      }
    }); // prettier-ignore

  test('network policies open the ports that are listened at, and close what the program refuses', () => {
    const policies = ofKind(objects, 'NetworkPolicy');
    if (policies.length === 0) return;
    const opened = workloads.map((workload) => {
      const mine = policies.filter(({ spec }) => selects(spec.podSelector.matchLabels, workload));
      const ports = mine.flatMap(({ spec }) => (spec.ingress ?? []).flatMap((rule: Json) => rule.ports));
      return podOf(workload).containers[0].ports.every(({ containerPort, protocol = 'TCP' }: Json) =>
        ports.some((port: Json) => port.port === containerPort && (port.protocol ?? 'TCP') === protocol),
      );
    });
    expect(opened).toEqual(workloads.map(() => true));
    const blocks = policies.flatMap(({ spec }) => (spec.egress ?? []).flatMap(({ to }: Json) => to));
    const excepted = blocks.flatMap(({ ipBlock }: Json) => ipBlock?.except ?? []);
    expect(excepted.length).toBeGreaterThan(5);
    for (const network of excepted)
      expect(() => refuseAddress(network.split('/')[0])).toThrow(AddressRefused);
  });

  test('what is named is there: backends, accounts, config and secrets', () => {
      const all = new Set(objects.map(named));
      for (const object of [...workloads, ...ofKind(objects, 'Job')])
        expect(all).toContain(`ServiceAccount ${podOf(object).serviceAccountName}`);
      for (const { spec } of ofKind(objects, 'Ingress'))
        for (const { http } of spec.rules)
          for (const { backend } of http.paths) {
            expect(all).toContain(`Service ${backend.service.name}`);
            expect(backend.service.port.name).toBe('http');
          }
      for (const { spec } of ofKind(objects, 'Route')) expect(all).toContain(`Service ${spec.to.name}`);
      const page = read('docs/kubernetes.md');
      for (const name of ['monscale', 'monscale-params', 'monscale-files']) expect(page).toContain(`\`${name}\``);
      for (const key of Object.keys(SECRETS)) expect(page).toContain(key);
      for (const object of objects)
        if (object.kind !== 'Namespace') expect([named(object), object.metadata.namespace]).toEqual([named(object), 'monscale']);
    }); // prettier-ignore
});

(hasKubectl ? describe : describe.skip)('the component rules-directory', () => {
  const page = read('docs/kubernetes.md');
  const overlay: Json = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    // As the page shows it.
    ...parse(/```yaml\n# Rules from a ConfigMap\n([\s\S]*?)```/.exec(page)?.[1] ?? ''),
    resources: ['../deploy/overlays/small'],
    components: ['../deploy/components/rules-directory'],
  };

  function renderedOverlay(): Json[] {
    // kustomize takes resources from below a folder of its own, or by relative paths.
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'overlay-'));
    cpSync(join(ROOT, 'deploy/kubernetes'), join(folder, 'deploy'), { recursive: true });
    mkdirSync(join(folder, 'mine', 'rules'), { recursive: true });
    for (const file of overlay.configMapGenerator[0].files)
      writeFileSync(join(folder, 'mine', file), 'monscale: 1\n');
    writeFileSync(join(folder, 'mine', 'kustomization.yaml'), stringify(overlay));
    const text = execFileSync('kubectl', ['kustomize', join(folder, 'mine')], { encoding: 'utf8' });
    return parseAllDocuments(text).map((document) => document.toJS());
  }

  test('mounts the ConfigMap of the page, as a whole, in the schedulers alone', () => {
    const objects = renderedOverlay();
    expect(objects.flatMap(problemsOf)).toEqual([]);
    const [scheduler, ...more] = workloadsOf(objects).filter((workload) =>
      podOf(workload).volumes.some(({ name }: Json) => name === 'rules'),
    );
    expect([named(scheduler), more]).toEqual(['Deployment monscale-scheduler', []]);
    const [container] = podOf(scheduler).containers;
    const { rulesDir, roles, unknownVariables } = readConfig(environmentOf(objects, container, SECRETS));
    expect([roles, unknownVariables]).toEqual([['scheduler'], []]);
    expect(container.volumeMounts.find(({ name }: Json) => name === 'rules')).toEqual({
      name: 'rules',
      mountPath: rulesDir,
      readOnly: true,
    });
    const volume = podOf(scheduler).volumes.find(({ name }: Json) => name === 'rules');
    const map = ofKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name === volume.configMap.name);
    // Of this very name: one with a hash would start the pods anew.
    expect(map?.metadata.namespace).toBe('monscale');
    expect(Object.keys(map?.data).every((file) => /\.ya?ml$/.test(file))).toBe(true);
  });
});

describe('rules and dashboard', () => {
  const rules = parse(read(`${MONITORING}/rules.yaml`)).spec;
  const dashboard = JSON.parse(read(`${MONITORING}/dashboard.json`));
  const expressions: string[] = [
    ...rules.groups.flatMap((group: Json) => group.rules.map(({ expr }: Json) => expr)),
    ...dashboard.panels.flatMap(({ targets }: Json) => targets.map(({ expr }: Json) => expr)),
  ];
  /** Labels that Prometheus and its Operator put there. */
  const GIVEN = ['namespace', 'pod', 'job', 'le'];

  test('ask for metrics that there are, by labels that they have', async () => {
    const known = new Map<string, string[]>();
    for (const { name } of await registry.getMetricsAsJSON())
      for (const suffix of ['', '_bucket', '_sum', '_count'])
        known.set(`${name}${suffix}`, (registry.getSingleMetric(name) as unknown as { labelNames: string[] }).labelNames);
    const wrong: string[] = [];
    let used = 0;
    for (const expression of expressions)
      for (const [, name, matchers = ''] of expression.matchAll(/\b((?:monscale|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)) {
        used++;
        const labels = known.get(name!);
        if (labels === undefined) wrong.push(`${name} is not there: ${expression}`);
        for (const [, label] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
          if (![...GIVEN, ...(labels ?? [])].includes(label!)) wrong.push(`${name} has no ${label}: ${expression}`);
      }
    expect(wrong).toEqual([]);
    expect(used).toBeGreaterThan(40);
  }); // prettier-ignore

  (hasPromtool ? test : test.skip)('metrics are named and told as Prometheus wants them', async () => {
    const checked = spawnSync('promtool', ['check', 'metrics'], {
      input: await registry.metrics(),
      encoding: 'utf8',
    });
    expect([checked.status, checked.stdout + checked.stderr]).toEqual([0, '']);
  });

  (hasPromtool ? test : test.skip)('the rules are right, and do as their stories say', () => {
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'rules '));
    writeFileSync(join(folder, 'rules.yaml'), stringify(rules));
    copyFileSync(join(ROOT, MONITORING, 'rules.test.yaml'), join(folder, 'rules.test.yaml'));
    const promtool = (...args: string[]) => spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
    expect(promtool('check', 'rules', 'rules.yaml')).toMatchObject({ status: 0, stderr: '' });
    const tested = promtool('test', 'rules', 'rules.test.yaml');
    expect([tested.status, tested.stderr]).toEqual([0, '']);
    // Each alert has a story in which it comes.
    const stories = parse(read(`${MONITORING}/rules.test.yaml`)).tests;
    const told = stories.flatMap(({ alert_rule_test }: Json) =>
      alert_rule_test.flatMap(({ alertname, exp_alerts }: Json) =>
        exp_alerts.length > 0 ? [alertname] : [],
      ),
    );
    const alerts = rules.groups.flatMap((group: Json) => group.rules.map(({ alert }: Json) => alert));
    expect(alerts.filter((alert: string) => !told.includes(alert))).toEqual([]);
  });

  (hasPromtool ? test : test.skip)(
    'a panel could not be drawn without a query that Prometheus understands',
    () => {
      const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'panels '));
      const panels = expressions.map((expr, index) => ({
        record: `panel_${index}`,
        expr: expr.replaceAll('$namespace', 'x'),
      }));
      writeFileSync(join(folder, 'panels.yaml'), stringify({ groups: [{ name: 'panels', rules: panels }] }));
      const checked = spawnSync('promtool', ['check', 'rules', join(folder, 'panels.yaml')], {
        encoding: 'utf8',
      });
      expect([checked.status, checked.stderr]).toEqual([0, '']);
    },
  );
});

describe('the image, compose and the unit', () => {
  const containerfile = read('Containerfile');

  test('the image runs as any user of group 0, and has its ports', () => {
    expect(containerfile).toMatch(/^USER 10001:0$/m);
    const { http, metricsPort, trap } = readConfig({ DATABASE_URL: 'postgres://x', REDIS_URL: 'redis://x' });
    expect(containerfile).toContain(`EXPOSE ${http.port} ${metricsPort} ${trap.port}/udp`);
    expect(containerfile).not.toMatch(/^(CMD|ENTRYPOINT) [^[]/m);
  });

  test('a build is given what it copies, and no more than it needs', () => {
    const ignored = read('.dockerignore');
    const kept = ignored.split('\n').flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
    const copied = [...containerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, files]) => files!.split(' '));
    for (const file of copied.filter((name) => name !== '.'))
      expect(kept.some((one) => file === one || file.startsWith(`${one}/`))).toBe(true);
    expect(ignored.split('\n').filter((line) => !/^[#!]/.test(line))[0]).toBe('*');
  }); // prettier-ignore

  test('compose has one version of the image, and an environment without mistakes', () => {
    const { services } = parse(read('compose.yaml'));
    expect(services.monscale.image).toBe(`monscale:${version}`);
    const environment = Object.fromEntries(
      Object.entries<string>(services.monscale.environment).map(([name, value]) => [
        name,
        value.replace(/\$\{(\w+)(?::[^}]*)?\}/g, (_, given: string) => (SECRETS as Record<string, string>)[given] ?? ''),
      ]),
    );
    const { unknownVariables, http, trap } = readConfig(environment);
    expect(unknownVariables).toEqual([]);
    expect(services.monscale.ports).toEqual([`127.0.0.1:${http.port}:${http.port}`, `162:${trap.port}/udp`]);
    expect(services.monscale).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
  }); // prettier-ignore

  test('the unit is one that systemd takes, and runs what the package has', () => {
    const unit = read('deploy/systemd/monscale.service');
    expect(unit).toMatch(/^ExecStart=.*\/monscale\/dist\/src\/main\.js$/m);
    const named = [...unit.matchAll(/\b(MONSCALE_\w+)=/g)].map(([, name]) => [name!, 'x']);
    expect(readConfig(Object.fromEntries(named)).unknownVariables).toEqual([]);
    if (spawnSync('systemd-analyze', ['--version']).error !== undefined) return;
    execFileSync('systemd-analyze', ['verify', join(ROOT, 'deploy/systemd/monscale.service')], {
      stdio: 'pipe',
    });
  });
});
