/** Paths of things by their names, which may hold any character but a slash. */
const under =
  (folder: string) =>
  (name: string): string =>
    `/${folder}/${encodeURIComponent(name)}${name === FORM ? '/view' : ''}`;

/** Last part of the path of each form for something new, which may be a name, too: what has it is at `/new/view`. */
const FORM = 'new';

export const servicePath = under('services');
export const serviceEditPath = (name: string): string => editPath(servicePath(name));
export const infrastructurePath = under('infrastructures');
export const actionPath = under('actions');
export const executionPath = under('executions');
export const sourcePath = under('sources');
export const userPath = under('people');
export const contactPath = under('contacts');
export const silencePath = under('silences');
export const editPath = (path: string): string => `${path.replace(/^(\/\w+\/new)\/view$/, '$1')}/edit`;
