const SLOTS = 16_384;
/** Most nodes of a Cluster, as Redis recommends (Redis Cluster specification). */
const NODES_AT_MOST = 1_000;

/**
 * Checks the reply to `CLUSTER SLOTS`, and returns it as it is. ioredis counts through every range in it, and connects
 * to every node.
 *
 * @throws Error when no Cluster would say so
 */
export function checkedSlots(reply: unknown): unknown {
  if (!Array.isArray(reply)) throw nonsense();
  let slots = 0;
  const nodes = new Set<string>();
  for (const range of reply as unknown[]) {
    if (!Array.isArray(range)) throw nonsense();
    const [from, to, ...served] = range as unknown[];
    if (!isSlot(from) || !isSlot(to) || from > to) throw nonsense();
    slots += to - from + 1;
    for (const node of served) {
      if (!Array.isArray(node)) throw nonsense();
      const [host, port] = node as unknown[];
      if (!(host === null || typeof host === 'string') || !isPort(port)) throw nonsense();
      nodes.add(`${host}:${String(port)}`);
    }
    if (slots > SLOTS || nodes.size > NODES_AT_MOST) throw nonsense();
  }
  return reply;
}

const isSlot = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < SLOTS;
const isPort = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;

const nonsense = () => new Error('what it says of the slots of its Cluster is nonsense');
