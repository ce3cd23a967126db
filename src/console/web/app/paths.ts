/** Paths of things by their names, which may hold any character but a slash. */
const under =
  (folder: string) =>
  (name: string): string =>
    `/${folder}/${encodeURIComponent(name)}`;

export const servicePath = under('services');
export const serviceEditPath = (name: string): string => `${servicePath(name)}/edit`;
export const infrastructurePath = under('infrastructures');
export const actionPath = under('actions');
export const executionPath = under('executions');
export const sourcePath = under('sources');
export const userPath = under('people');
export const contactPath = under('contacts');
export const silencePath = under('silences');
export const editPath = (path: string): string => `${path}/edit`;
