/** Writes a number with no more digits than a person reads: six, but all of a whole number. */
export const numberText = (value: number): string =>
  Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
