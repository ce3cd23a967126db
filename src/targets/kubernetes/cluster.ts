/** Access to a Kubernetes cluster, and what its refusals mean. */
import { readFile } from 'node:fs/promises';
import { messageOf } from '../../common/errors';
import { Text } from '../../common/fields';
import { maskTexts, platformVariable } from '../../common/secrets';
import { statusText, type JsonAnswer, type JsonCall } from '../http/json-call';
import { ORIGIN, originOf } from '../http/origin';
import { TrustedCertificates } from '../http/params';
import { retryAfterSeconds } from '../http/retry-after';
import { Permanent, Retryable } from '../outcomes';

/** Folder where a pod finds its account (Kubernetes, "Accessing the API from a Pod"). */
export const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Names by RFC 1123, as Kubernetes' "Object Names and IDs" takes it. */
export const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
export const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
export const NAME_HINT = 'must be a name of Kubernetes: small letters, digits and - between them';

export class ClusterParams {
  @Text({
    directs: 'origin',
    description: 'Where the API answers',
    ...ORIGIN,
    example: 'https://10.0.0.1:6443',
  })
  server: string;

  @Text({ directs: 'nothing', description: 'Bearer token', secret: true, minLength: 1 })
  token: string;

  @TrustedCertificates()
  ca?: string;
}

/** Cluster ready to be asked: `ca` in PEM. */
export interface Cluster {
  server: string;
  token: string;
  ca?: string;
}

/**
 * Returns the cluster that is given, or the one we run in. The account's token is renewed by Kubernetes while we run,
 * so its files are read at every call.
 *
 * @throws Permanent when none is given and we run in none
 */
export async function clusterOf(cluster?: Cluster, accountFolder = ACCOUNT_FOLDER): Promise<Cluster> {
  if (cluster) return { ...cluster, server: originOf(cluster.server) };
  try {
    const host = platformVariable('KUBERNETES_SERVICE_HOST');
    const port = platformVariable('KUBERNETES_SERVICE_PORT');
    const [token, ca] = await Promise.all(
      ['token', 'ca.crt'].map((name) => readFile(`${accountFolder}/${name}`, 'utf8')),
    );
    return {
      server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      token: token!.trim(),
      ca,
    };
  } catch (error) {
    throw new Permanent(`no cluster is given, and monscale runs in none: ${messageOf(error)}`);
  }
}

/**
 * Makes a call to a cluster. @param path with its query
 *
 * @param path with its query
 */
export const callOf = ({ server, token, ca }: Cluster, path: string, method = 'GET'): JsonCall => ({
  method,
  url: server + path,
  headers: { Authorization: `Bearer ${token}` },
  tls: { ca },
});

/**
 * Returns the status of an answer, or of the failure in the body of a success: `{"kind": "Status", "status": "Failure",
 * "code": 409}`.
 */
export function statusOf({ status, json }: JsonAnswer): number {
  const told = Object(json) as { kind?: unknown; status?: unknown; code?: unknown };
  const isFailure = told.kind === 'Status' && told.status === 'Failure' && status < 300;
  if (!isFailure) return status;
  return Number.isInteger(told.code) && (told.code as number) >= 400 ? (told.code as number) : 500;
}

/** Makes the error for an answer that is no success. See docs/actions/kubernetes_scale.md for the table. */
export function refusal(answer: JsonAnswer, deed: string, { token }: Cluster): Error {
  const { headers, json } = answer;
  const status = statusOf(answer);
  const { kind, message } = Object(json) as { kind?: unknown; message?: unknown };
  const why = kind === 'Status' && typeof message === 'string' ? `: ${message}` : '';
  const answered = `${deed} was answered ${statusText(status)}${maskTexts(why, [token])}`;
  return status >= 500 || status === 408 || status === 429
    ? new Retryable(answered, { retryAfterSeconds: retryAfterSeconds(headers) })
    : new Permanent(answered);
}
