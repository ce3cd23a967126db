import { isObject } from '../common/json';
import { put } from '../common/records';
import { excerptOf } from './excerpt';

/** Body of requests that tell of an execution as a whole, and how the record of an attempt says that this was sent. */

/** Returns an execution as JSON: what its templates see, but for what is for one execution alone. */
export function executionAsJson(id: string, variables: Record<string, unknown>): string {
  const { service, infrastructure, trigger, values, nodes, alerts, alertsTotal, contact, message } =
    variables;
  return JSON.stringify({
    execution: { id },
    service,
    infrastructure,
    trigger,
    values,
    nodes,
    alerts,
    alertsTotal,
    contact,
    message,
  });
}

/** Stands in a record in place of a body that is the execution, whose row says it already. */
const BODY_OF = 'bodyOf';
const EXECUTION = 'execution';

/** SQL condition: a record of an attempt of an execution `e` has no body, as that is the execution. */
export const IS_TOLD_BY_ROW = `e.attempts @> '[{"request": {"${BODY_OF}": "${EXECUTION}"}}]'`;

/** Returns the excerpt of a body, without secrets to mask. */
const excerptOfBody = (id: string, variables: Record<string, unknown>): unknown =>
  (excerptOf({ body: executionAsJson(id, variables) }, []) as { body: unknown }).body;

/**
 * Returns the excerpt of a request without its body, where that is the execution as its row has it. One in which a secret
 * is masked stays as it is, and so does one of an execution that scales: a retry changes the nodes in its row.
 *
 * @param variables of the execution, as they are stored
 */
export function withoutOwnBody(excerpt: object, id: string, variables: Record<string, unknown>): object {
  const { body, ...rest } = excerpt as { body?: unknown };
  if (isObject(variables.nodes)) return excerpt;
  if (body === undefined || body !== excerptOfBody(id, variables)) return excerpt;
  return { ...rest, [BODY_OF]: EXECUTION };
}

/** Returns the excerpt of a request as it was before `withoutOwnBody`. */
export function withOwnBody(excerpt: object, id: string, variables: Record<string, unknown>): object {
  const { [BODY_OF]: of, ...rest } = excerpt as Record<string, unknown>;
  if (of !== EXECUTION) return excerpt;
  put(rest, 'body', excerptOfBody(id, variables));
  return rest;
}
