/** Value as the API shows it: the number alone, or with its moment or the reason why there is none. */
export type ShownValue = number | null | { value?: number | null; error?: string };

/** Returns values as "cpu 93, jobs 5". */
export const valuesText = (values: Readonly<Record<string, ShownValue>> = {}): string =>
  Object.entries(values)
    .map(([name, shown]) => {
      const { value, error } = typeof shown === 'object' && shown !== null ? shown : { value: shown };
      return `${name} ${value ?? error ?? 'missing'}`;
    })
    .join(', ');
