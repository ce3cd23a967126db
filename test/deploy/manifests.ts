/** The manifests of `deploy/kubernetes` as kubectl renders them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { needs, needsVersion } from '../needs';
import type { Json } from '../program';

export const ROOT = resolve(__dirname, '..', '..');
const KUBERNETES = join(ROOT, 'deploy', 'kubernetes');

/** Components came with kustomize 3.7, and to kubectl with 1.21; that of Debian 12 is 1.20. */
export const hasKubectl = needsVersion('kubectl 1.21 or later', canRender());
export const hasPromtool = needs(
  'promtool',
  spawnSync('promtool', ['--version']).error === undefined,
  'prometheus',
);

function canRender(): boolean {
  const { stdout } = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  const [, minor = '0'] = /"minor": "(\d+)/.exec(stdout ?? '') ?? [];
  return Number(minor) >= 21;
}

/** Returns the objects of a folder below `deploy/kubernetes`. */
export function rendered(folder: string): Json[] {
  const text = execFileSync('kubectl', ['kustomize', join(KUBERNETES, folder)], { encoding: 'utf8' });
  return parseAllDocuments(text).map((document) => document.toJS());
}

export const named = (object: Json): string => `${object.kind} ${object.metadata.name}`;
export const ofKind = (objects: Json[], ...kinds: string[]): Json[] =>
  objects.filter(({ kind }) => kinds.includes(kind));
export const workloadsOf = (objects: Json[]): Json[] => ofKind(objects, 'Deployment', 'StatefulSet');
export const podOf = ({ spec }: Json): Json => spec.template.spec;
export const containersOf = (object: Json): Json[] => [
  ...(podOf(object).initContainers ?? []),
  ...podOf(object).containers,
];

/**
 * Returns the environment of a container as Kubernetes makes it.
 *
 * @param secrets values of the Secret `monscale`, by key
 */
export function environmentOf(objects: Json[], container: Json, secrets: Record<string, string>): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const { configMapRef } of container.envFrom ?? []) {
    if (configMapRef === undefined) continue;
    const map = ofKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name === configMapRef.name);
    Object.assign(environment, map.data);
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const { key, optional } = valueFrom?.secretKeyRef ?? {};
    if (value !== undefined) environment[name] = value;
    else if (secrets[key] !== undefined) environment[name] = secrets[key];
    else if (!optional) throw new Error(`${name}: the Secret monscale has no ${key}`);
  }
  return environment;
} // prettier-ignore
