/** What the workloads of the manifests are started from. */
import { cpSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './manifests';

export interface Image {
  /** Its root file system, or its `/monscale`. */
  folder: string;
  /** Its `node_modules`, where they lie elsewhere. */
  packages?: string;
  entrypoint: string[];
  environment: Record<string, string>;
}

/** Settings of an image, as OCI has them. */
export interface Settings {
  User: string;
  WorkingDir: string;
  Env: string[];
  Entrypoint: string[];
  ExposedPorts: Record<string, object>;
  StopSignal: string;
}

/** Folder with an image that was built: `root`, its root file system, and `config.json`. `npm run image -- --try` sets it. */
export const BUILT = process.env.TEST_IMAGE;

export function builtImage(folder: string): Image & { settings: Settings } {
  const settings = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Settings;
  const environment = Object.fromEntries(settings.Env.map(pairOf));
  return { folder: join(folder, 'root'), entrypoint: settings.Entrypoint, environment, settings };
}

/** Lays out /monscale as the Containerfile does, of what is built and installed in the checkout. */
export function laidOutImage(): Image {
  const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'image-'));
  chmodSync(folder, 0o755);
  const text = readFileSync(join(ROOT, 'Containerfile'), 'utf8');
  const [, stage = ''] = /AS packages\n([^]*?)\nFROM /.exec(text) ?? [];
  for (const [, given] of stage.matchAll(/^COPY (?:--from=build )?(.+)$/gm)) {
    const words = given!.split(' ').map((word) => word.replace(/^\/monscale\//, ''));
    const to = words.pop()!;
    for (const from of words.filter((word) => !/^package-lock|sbom/.test(word)))
      cpSync(join(ROOT, from), join(folder, to.endsWith('/') ? join(to, from.split('/').at(-1)!) : to), {
        recursive: true,
      });
  }
  mkdirSync(join(folder, 'node_modules'));
  const [, entrypoint = '[]'] = /^ENTRYPOINT (.*)$/m.exec(text) ?? [];
  const [, environment = ''] = /^ENV (.*)$/m.exec(text) ?? [];
  return {
    folder,
    packages: realpathSync(join(ROOT, 'node_modules')),
    entrypoint: JSON.parse(entrypoint) as string[],
    environment: Object.fromEntries(environment.split(' ').map(pairOf)),
  };
}

function pairOf(assignment: string): [string, string] {
  const [name = '', ...value] = assignment.split('=');
  return [name, value.join('=')];
}
