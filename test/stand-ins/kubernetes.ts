/**
 * A Kubernetes API server, as far as scaling goes, and strict about it: bearer token, paths, content type, resource
 * versions. Wire format: Kubernetes API reference, apps/v1 scale subresource (autoscaling/v1 Scale), autoscaling/v2
 * HorizontalPodAutoscalerList, core/v1 PodList, meta/v1 Status.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerOptions } from 'node:https';
import { bodyOf, HttpStandIn } from './http-stand-in';

const SCALE_PATH =
  /^\/apis\/apps\/v1\/namespaces\/([a-z0-9-]+)\/(deployments|statefulsets|replicasets)\/([a-z0-9.-]+)\/scale$/;
const AUTOSCALERS_PATH = /^\/apis\/autoscaling\/v2\/namespaces\/([a-z0-9-]+)\/horizontalpodautoscalers$/;
const PODS_PATH = /^\/api\/v1\/namespaces\/([a-z0-9-]+)\/pods$/;
const KINDS: Record<string, string> = {
  deployments: 'Deployment',
  statefulsets: 'StatefulSet',
  replicasets: 'ReplicaSet',
};

export interface Workload {
  uid: string;
  resourceVersion: number;
  replicas: number;
  observed: number;
}

export interface Pod {
  name: string;
  /** Its label `app`. */
  app: string;
  phase?: string;
  podIP?: string;
  deletionTimestamp?: string;
}

/** How a request is misbehaved to. */
export interface KubernetesTrouble {
  latencyMs?: number;
  /** Answered instead, as a Status. */
  status?: number;
  message?: string;
  retryAfter?: string;
  /** Answered instead, as it is, with `status`. */
  raw?: string;
  /** Somebody else sets that many replicas before the request is looked at. */
  meanwhile?: number;
  /** It is done, then the connection cut. */
  dropAfter?: boolean;
  /** It is done, and no answer comes. */
  hangAfter?: boolean;
  /** The connection is cut, nothing done. */
  dropBefore?: boolean;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

export class KubernetesStandIn extends HttpStandIn {
  /** For each request to come of that kind; those after behave well. */
  readonly next: Record<'get' | 'put' | 'list', KubernetesTrouble[]> = { get: [], put: [], list: [] };
  /** "GET /path", refused ones included. */
  readonly requests: string[] = [];
  /** How long the observed replicas need to follow; undefined: they never do. */
  followMs: number | undefined = 0;
  token: string;
  /** By namespace. */
  readonly pods: Record<string, Pod[]> = {};
  private readonly workloads = new Map<string, Workload>();
  private readonly autoscalers: { namespace: string; name: string; kind: string; target: string }[] = [];

  /** @param tls key and certificate for https */
  constructor({ token = 't0ken' } = {}, tls?: ServerOptions) {
    super(tls);
    this.token = token;
  }

  /** @param path `namespace/deployments/name` */
  addWorkload(path: string, replicas: number): Workload {
    const workload = { uid: randomUUID(), resourceVersion: 100, replicas, observed: replicas };
    this.workloads.set(path, workload);
    return workload;
  }

  addAutoscaler(namespace: string, name: string, kind: string, target: string): void {
    this.autoscalers.push({ namespace, name, kind, target });
  }

  clear(): void {
    this.workloads.clear();
    this.autoscalers.length = 0;
    Object.keys(this.pods).forEach((namespace) => delete this.pods[namespace]);
    this.requests.length = 0;
    Object.values(this.next).forEach((list) => (list.length = 0));
    this.followMs = 0;
  }

  /** How often replicas were asked to be set. */
  get writes(): number {
    return this.requests.filter((request) => request.startsWith('PUT')).length;
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const { pathname, searchParams } = new URL(request.url!, 'http://stand-in');
    const { method = '' } = request;
    this.requests.push(`${method} ${request.url}`);
    const isList = AUTOSCALERS_PATH.test(pathname) || PODS_PATH.test(pathname);
    const of = isList ? 'list' : method === 'PUT' ? 'put' : 'get';
    const trouble = this.next[of].shift() ?? {};
    if (trouble.latencyMs) await new Promise((resolve) => setTimeout(resolve, trouble.latencyMs).unref());
    if (trouble.dropBefore) return void request.socket.destroy();
    const reply = (status: number, body: string): void => {
      const retryAfter = trouble.retryAfter ? { 'retry-after': trouble.retryAfter } : {};
      response.writeHead(status, { 'content-type': 'application/json', ...retryAfter }).end(body);
    };
    try {
      if (trouble.raw !== undefined) return reply(trouble.status ?? 200, trouble.raw);
      this.authorize(request);
      if (trouble.status !== undefined)
        throw new Refusal(trouble.status, 'Told', trouble.message ?? 'as it was told');
      const found =
        of === 'list'
          ? this.list(pathname, searchParams)
          : this.scale(request, pathname, body, trouble.meanwhile);
      if (trouble.dropAfter) return void request.socket.destroy();
      if (trouble.hangAfter) return;
      reply(200, JSON.stringify(found));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status: code, reason, message } = error;
      reply(
        code,
        JSON.stringify({
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message,
          reason,
          code,
        }),
      );
    }
  }

  private authorize({ headers }: IncomingMessage): void {
    if (headers.authorization !== `Bearer ${this.token}`)
      throw new Refusal(401, 'Unauthorized', 'Unauthorized');
  }

  private scale(
    { method = '', headers }: IncomingMessage,
    pathname: string,
    body: Buffer,
    meanwhile: number | undefined,
  ): object {
    const [, namespace, resource, name] = SCALE_PATH.exec(pathname) ?? [];
    if (!namespace || !resource || !name)
      throw new Refusal(404, 'NotFound', 'the server could not find the requested resource');
    const workload = this.workloads.get(`${namespace}/${resource}/${name}`);
    if (!workload) throw new Refusal(404, 'NotFound', `${resource}.apps "${name}" not found`);
    if (meanwhile !== undefined) this.set(workload, meanwhile);
    if (method === 'PUT') this.put(workload, { namespace, resource, name }, headers['content-type'], body);
    else if (method !== 'GET')
      throw new Refusal(
        405,
        'MethodNotAllowed',
        'the server does not allow this method on the requested resource',
      );
    const { uid, resourceVersion, replicas, observed } = workload;
    return {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: {
        name,
        namespace,
        uid,
        resourceVersion: String(resourceVersion),
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      // As Go's omitempty does: 0 is left out.
      spec: { ...(replicas ? { replicas } : {}) },
      status: { replicas: observed, selector: `app=${name}` },
    };
  }

  private put(
    workload: Workload,
    { namespace, resource, name }: Record<'namespace' | 'resource' | 'name', string>,
    contentType: string | undefined,
    body: Buffer,
  ): void {
    if (contentType !== 'application/json')
      throw new Refusal(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format');
    const { kind, apiVersion, metadata, spec } = JSON.parse(body.toString()) as {
      kind?: string;
      apiVersion?: string;
      metadata?: { name?: string; namespace?: string; resourceVersion?: string; uid?: string };
      spec?: { replicas?: number };
    };
    if (kind !== 'Scale' || apiVersion !== 'autoscaling/v1')
      throw new Refusal(400, 'BadRequest', 'the object provided is not a Scale of autoscaling/v1');
    if (metadata?.name !== name)
      throw new Refusal(400, 'BadRequest', 'the name of the object does not match the name on the URL');
    if (metadata.namespace !== undefined && metadata.namespace !== namespace)
      throw new Refusal(
        400,
        'BadRequest',
        'the namespace of the object does not match the one on the request',
      );
    const { resourceVersion, uid } = metadata;
    const isStale = Boolean(resourceVersion) && resourceVersion !== String(workload.resourceVersion);
    if (isStale || (uid !== undefined && uid !== workload.uid))
      throw new Refusal(
        409,
        'Conflict',
        `Operation cannot be fulfilled on ${resource}.apps "${name}": the object has been modified; please apply your changes to the latest version and try again`,
      );
    const replicas = spec?.replicas ?? 0;
    if (!Number.isInteger(replicas) || replicas < 0)
      throw new Refusal(
        422,
        'Invalid',
        `${KINDS[resource]}.apps "${name}" is invalid: spec.replicas: Invalid value: ${replicas}: must be greater than or equal to 0`,
      );
    this.set(workload, replicas);
  }

  private set(workload: Workload, replicas: number): void {
    if (workload.replicas === replicas) return;
    workload.replicas = replicas;
    workload.resourceVersion += 1;
    if (this.followMs === undefined) return;
    const follow = (): void => {
      if (workload.observed === workload.replicas) return;
      workload.observed = workload.replicas;
      workload.resourceVersion += 1;
    };
    setTimeout(follow, this.followMs).unref();
  }

  private list(pathname: string, query: URLSearchParams): object {
    const [, namespace] = PODS_PATH.exec(pathname) ?? [];
    if (namespace !== undefined) return this.listPods(namespace, query);
    const [, of] = AUTOSCALERS_PATH.exec(pathname)!;
    const all = this.autoscalers.filter((one) => one.namespace === of);
    return pageOf(all, query, 'HorizontalPodAutoscalerList', 'autoscaling/v2', (autoscaler) => ({
      metadata: { name: autoscaler.name, namespace: of },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: autoscaler.kind, name: autoscaler.target },
        minReplicas: 1,
        maxReplicas: 9,
      },
    }));
  }

  private listPods(namespace: string, query: URLSearchParams): object {
    const wanted = query.get('labelSelector');
    const all = (this.pods[namespace] ?? []).filter(({ app }) => wanted === null || wanted === `app=${app}`);
    return pageOf(all, query, 'PodList', 'v1', ({ name, app, deletionTimestamp, phase, podIP }) => ({
      metadata: { name, namespace, uid: `uid-${name}`, labels: { app }, deletionTimestamp },
      status: { phase, podIP },
    }));
  }
}

/** One page of a list (Kubernetes, "API Concepts", retrieving large results sets in chunks). */
function pageOf<T>(
  all: readonly T[],
  query: URLSearchParams,
  kind: string,
  apiVersion: string,
  itemOf: (one: T) => object,
): object {
  const from = Number(query.get('continue') ?? 0);
  const to = from + Number(query.get('limit') ?? all.length);
  const more = to < all.length ? { continue: String(to) } : {};
  return {
    kind,
    apiVersion,
    metadata: { resourceVersion: '1', ...more },
    items: all.slice(from, to).map(itemOf),
  };
}
