import type { EntityManager } from 'typeorm';
import { InvalidInput } from '../common/errors';
import type { ServiceRow } from '../database/entities';
import { HIDDEN_SERVICE } from '../database/out-of-scope';
import { inScopes, scopesParameter, seenScopes } from '../database/scopes';

/** Which services depend on which, in SQL: the same words pair them when they are saved, evaluated and shown. */

/** SQL: labels that the other of a dependency `d` of the service `c` has. One that `c` lacks itself, no service has. */
const LABELS = `(coalesce(d->'match', '{}') ||
  coalesce((SELECT jsonb_object_agg(k, c.labels->k) FROM jsonb_array_elements_text(d->'equal') k), '{}'))`;

/**
 * Returns SQL rows: services `p` on which `c` depends by its dependency `d`, with columns to choose of `p` and `st`, its
 * state. Written twice, so that each way has its index.
 *
 * @param condition on `p` and `st`
 */
const parentsOf = (columns: string, condition: string, limit: number): string => {
  const state = `LEFT JOIN LATERAL (SELECT state FROM service_states WHERE service_id = p.id LIMIT 1) st ON true`;
  return `
    (SELECT ${columns} FROM services p ${state}
     WHERE d ? 'service' AND p.id = (d->>'service')::uuid AND p.id <> c.id AND p.labels @> ${LABELS} AND ${condition} LIMIT 1)
    UNION ALL
    (SELECT ${columns} FROM services p ${state}
     WHERE NOT d ? 'service' AND p.labels @> ${LABELS} AND p.id <> c.id AND ${condition} LIMIT ${limit})`;
};

const EACH = `CROSS JOIN LATERAL jsonb_array_elements(c.depends_on) WITH ORDINALITY AS e (d, place)`;

/** SQL: what stops services with the ids `$1`, as far as one does: `child`, `name`, `phase`. */
export const STOPPING = `
  SELECT c.id AS child, s.name, s.phase FROM services c ${EACH}
    CROSS JOIN LATERAL (${parentsOf(`p.name, st.state->>'phase' AS phase`, `p.enabled AND d->'whenPhase' ? (st.state->>'phase')`, 1)}) s
  WHERE c.id = ANY($1::uuid[])`;

/** Largest number of services with which one pairs by its labels: they are looked through when it is in alarm. */
const PARENTS_AT_MOST = 1_000;

/** SQL: all pairs in which the services with the ids `$1` are the child, with what the pair is by. */
export const PAIRS_OF_CHILDREN = `
  SELECT c.id AS child, c.name AS "childName", (e.place - 1)::int AS place, s.id AS parent, s.name AS "parentName",
    s.labels AS "parentLabels", s.phase, s.enabled AND d->'whenPhase' ? s.phase AS stops
  FROM services c ${EACH}
    CROSS JOIN LATERAL (${parentsOf(`p.id, p.name, p.labels, p.enabled, coalesce(st.state->>'phase', 'unknown') AS phase`, 'true', PARENTS_AT_MOST + 1)}) s
  WHERE c.id = ANY($1::uuid[]) ORDER BY 1, 3, 5 LIMIT 10000`;

/** SQL: services that name the service `$1`, or that fit it by labels. */
export const PAIRS_OF_PARENT = `
  SELECT c.id AS child, c.name AS "childName", c.labels AS "childLabels" FROM services c
  WHERE c.depends_on <> '[]' AND c.id <> $1 AND EXISTS (
    SELECT FROM services p, jsonb_array_elements(c.depends_on) d
    WHERE p.id = $1 AND p.labels @> ${LABELS} AND (NOT d ? 'service' OR (d->>'service')::uuid = p.id))
  ORDER BY 2 LIMIT 1000`;

/** Edges of a chain of services that is followed; a longer one is refused as if it were a circle. */
const EDGES_AT_MOST = 20_000;

interface Edge {
  child: string;
  /** Name of the child; of one out of the caller's scope, words for it. */
  name: string;
  place: number;
  parent: string;
}

/** Edges to services that depend on others themselves: no circle has any other. */
const EDGES = `
  SELECT c.id AS child, CASE WHEN ${inScopes('c.labels', '$2')} THEN c.name ELSE '${HIDDEN_SERVICE}' END AS name,
    (e.place - 1)::int AS place, s.id AS parent FROM services c ${EACH}
    CROSS JOIN LATERAL (${parentsOf('p.id', `p.depends_on <> '[]'`, EDGES_AT_MOST)}) s
  WHERE c.id = ANY($1::uuid[]) LIMIT ${EDGES_AT_MOST + 1}`;

const TOO_MANY = `
  SELECT c.name, (e.place - 1)::int AS place FROM services c ${EACH}
  WHERE c.id = ANY($1::uuid[]) AND NOT d ? 'service'
    AND (SELECT count(*) FROM (SELECT FROM services p WHERE p.labels @> ${LABELS} LIMIT ${PARENTS_AT_MOST + 2}) s) > ${PARENTS_AT_MOST + 1}
  LIMIT 20`;

/**
 * Refuses services that come to depend on themselves by way of others: in alarm together, none of them would act. Runs
 * in the transaction that writes them, which no other change of definitions overlaps.
 *
 * @throws InvalidInput naming the circle
 */
export async function refuseCircles(manager: EntityManager, rows: readonly ServiceRow[]): Promise<void> {
  const dependent = rows.filter(({ dependsOn }) => dependsOn.length > 0).map(({ id }) => id);
  if (dependent.length === 0) return;
  const wide: { name: string; place: number }[] = await manager.query(TOO_MANY, [dependent]);
  if (wide.length > 0)
    throw new InvalidInput(
      wide.map(({ name, place }) => ({
        pointer: `/dependsOn/${place}/match`,
        detail: `fits more than ${PARENTS_AT_MOST} services besides ${name}; name more labels`,
      })),
    );
  const scopes = scopesParameter(seenScopes());
  const edges = new Map<string, Edge[]>();
  let count = 0;
  for (let next = dependent; next.length > 0;) {
    const found: Edge[] = await manager.query(EDGES, [next, scopes]);
    for (const id of next) edges.set(id, []);
    for (const edge of found) edges.get(edge.child)!.push(edge);
    count += found.length;
    if (count > EDGES_AT_MOST)
      throw new InvalidInput([
        { pointer: '/dependsOn', detail: 'is part of chains too long to be followed' },
      ]);
    next = [...new Set(found.map(({ parent }) => parent))].filter((id) => !edges.has(id));
  }
  const circle = circleIn(edges);
  if (circle === undefined) return;
  const names = [...circle, circle[0]!].map(({ name }) => name).join(' → ');
  throw new InvalidInput([{ pointer: `/dependsOn/${circle[0]!.place}`, detail: `makes a circle: ${names}` }]);
}

/** Returns a circle of edges; undefined when there is none. */
export function circleIn(edges: ReadonlyMap<string, readonly Edge[]>): Edge[] | undefined {
  const done = new Set<string>();
  for (const start of edges.keys()) {
    const path: { id: string; left: Edge[]; by?: Edge }[] = [
      { id: start, left: [...(edges.get(start) ?? [])] },
    ];
    const onPath = new Set([start]);
    while (path.length > 0) {
      const at = path.at(-1)!;
      const edge = at.left.pop();
      if (edge === undefined) {
        done.add(at.id);
        onPath.delete(at.id);
        path.pop();
      } else if (onPath.has(edge.parent)) {
        const from = path.findIndex(({ id }) => id === edge.parent);
        return [...path.slice(from + 1).map(({ by }) => by!), edge];
      } else if (!done.has(edge.parent)) {
        onPath.add(edge.parent);
        path.push({ id: edge.parent, left: [...(edges.get(edge.parent) ?? [])], by: edge });
      }
    }
  }
  return undefined;
}
