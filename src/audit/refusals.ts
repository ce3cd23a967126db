import type { FastifyInstance, FastifyRequest } from 'fastify';
import { callerIn } from '../auth/auth';
import { isId } from '../common/ids';
import { telemetry } from '../common/telemetry';
import type { Audit, AuditEntry } from '../database/audit';
import type { RouteAudit } from '../common/changes-nothing';

const REFUSED = new Set([403, 404, 409]);
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Refusals of a caller that are written down in a minute; more are counted. */
const A_MINUTE = 60;
const MINUTE_MS = 60_000;
/** Callers that are told apart in a minute. */
const CALLERS_AT_MOST = 10_000;

/** Writes down what known callers wanted to change and were not let. */
export function noteRefusals(fastify: FastifyInstance, audit: Audit): void {
  const budget = new Budget();
  fastify.addHook('preSerialization', (request, reply, payload, done) => {
    done(null, payload);
    if (!REFUSED.has(reply.statusCode) || READS.has(request.method)) return;
    const caller = callerIn(request);
    const { intake, changes = true } = request.routeOptions.config as RouteAudit & { intake?: object };
    // What nobody asked for in a name is counted where tokens are; alerts are no changes.
    if (caller === undefined || caller.via === 'anonymous' || intake !== undefined || !changes) return;
    if (!budget.hasRoom(`${caller.via} ${caller.credentialId ?? caller.userId ?? caller.actor}`))
      return telemetry.auditDrops.inc({ reason: 'too_many' });
    const { detail } = payload as { detail?: string };
    void audit.note({
      ...attempted(request),
      outcome: 'refused',
      detail: { status: reply.statusCode, why: detail },
      caller,
    });
  });
}

/** Returns what a request wanted to do to what, by its route. */
export function attempted(
  request: Pick<FastifyRequest, 'method' | 'params' | 'routeOptions'>,
): Pick<AuditEntry, 'action' | 'object'> {
  const steps = (request.routeOptions.url ?? '').replace(/^\/api\/v1\//, '').split('/');
  const [reference] = Object.values(request.params as Record<string, string>);
  const last = steps.at(-1)!;
  const isVerb = steps.length > 1 && !last.startsWith(':');
  return {
    action: isVerb ? word(last) : (VERBS[request.method] ?? request.method.toLowerCase()),
    object: {
      type: word(steps[0]!).replace(/s$/, ''),
      ...(reference === undefined ? {} : isId(reference) ? { id: reference } : { name: reference }),
    },
  };
}

const VERBS: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'update', DELETE: 'delete' };

const word = (step: string): string => step.replaceAll('-', '_');

/** Counts of refusals by caller in the current minute. */
class Budget {
  private minute = 0;
  private readonly counts = new Map<string, number>();

  hasRoom(caller: string): boolean {
    const minute = Math.floor(performance.now() / MINUTE_MS);
    if (minute !== this.minute) this.counts.clear();
    this.minute = minute;
    const count = (this.counts.get(caller) ?? 0) + 1;
    if (count === 1 && this.counts.size >= CALLERS_AT_MOST) return false;
    this.counts.set(caller, count);
    return count <= A_MINUTE;
  }
}
