/** Costs from what was measured: least squares of relative errors, no cost below nothing. */

export interface Observation {
  /** How often a second each thing was done. */
  drivers: Readonly<Record<string, number>>;
  /** What it took, in total. */
  taken: number;
  /** What is no more told from noise, in the same unit. */
  floor: number;
}

const ROUNDS = 20_000;

/** Returns what one of each takes, such that the sums over all are nearest to what was taken. */
export function fit(observations: readonly Observation[]): Record<string, number> {
  const names = [...new Set(observations.flatMap(({ drivers }) => Object.keys(drivers)))].filter((name) =>
    observations.some(({ drivers }) => (drivers[name] ?? 0) > 0),
  );
  const weights = observations.map(({ taken, floor }) => 1 / (taken + floor));
  const columns = names.map((name) =>
    observations.map(({ drivers }, row) => (drivers[name] ?? 0) * weights[row]!),
  );
  const squares = columns.map((column) => column.reduce((sum, x) => sum + x * x, 0));
  const costs = names.map(() => 0);
  // What the costs so far leave unexplained.
  const left = observations.map(({ taken }, row) => taken * weights[row]!);
  for (let round = 0; round < ROUNDS; round++) {
    columns.forEach((column, index) => {
      const gradient = column.reduce((sum, x, row) => sum + x * left[row]!, 0);
      const next = Math.max(0, costs[index]! + gradient / squares[index]!);
      const step = next - costs[index]!;
      if (step === 0) return;
      costs[index] = next;
      column.forEach((x, row) => (left[row]! -= x * step));
    });
  }
  return Object.fromEntries(names.map((name, index) => [name, costs[index]!]));
}

/** Returns the sum of squares of the relative errors that are left with such costs. */
export const residualOf = (
  observations: readonly Observation[],
  costs: Readonly<Record<string, number>>,
): number =>
  observations.reduce((sum, { drivers, taken, floor }) => {
    const explained = Object.entries(costs).reduce(
      (all, [name, cost]) => all + cost * (drivers[name] ?? 0),
      0,
    );
    return sum + ((explained - taken) / (taken + floor)) ** 2;
  }, 0);
