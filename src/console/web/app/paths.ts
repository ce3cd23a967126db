/** Paths of things by their names, which may hold any character but a slash. */
const under =
  (folder: string) =>
  (name: string): string =>
    `/${folder}/${encodeURIComponent(name)}`;

export const servicePath = under('services');
export const serviceEditPath = (name: string): string => `${servicePath(name)}/edit`;
export const infrastructurePath = under('infrastructures');
