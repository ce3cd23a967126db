/**
 * What types and ESLint found right, kept in `node_modules/.cache`, so that it is not looked at again. A file is known by its
 * text and by that of all files it depends on, through others as well; by what is declared for all files; by the packages
 * that are installed, the settings, and Node.js. Nothing goes by times or names alone, and what is wrong is never kept.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

const FILE = join('node_modules', '.cache', 'types-and-lint.json');
/** What a finding goes by beside the files that are looked at. */
const SETTINGS = [
  'package-lock.json',
  join('node_modules', '.package-lock.json'),
  'tsconfig.json',
  join('src', 'console', 'web', 'tsconfig.json'),
  'eslint.config.mjs',
];
const PACKAGES = /(^|[/\\])node_modules[/\\]/;
/** Declared for files that do not import it. */
const FOR_ALL = /\bdeclare\s+(global|module)\b/;

const hashOf = (text) => createHash('sha256').update(text).digest('base64url');

export class Seen {
  /** Keys of what was found right. */
  right = new Set();
  texts = new Map();

  /** @param folders whose files are looked at */
  constructor(folders) {
    this.files = folders.flatMap(filesIn).sort();
    for (const file of [...this.files, ...SETTINGS])
      if (existsSync(file)) this.texts.set(file, hashOf(readFileSync(file)));
    const forAll = this.files.filter(
      (file) => /\.[cm]?tsx?$/.test(file) && FOR_ALL.test(readFileSync(file, 'utf8')),
    );
    this.common = [process.version, ...this.hashes([...SETTINGS, ...forAll])].join('\n');
    try {
      const { all, right } = JSON.parse(readFileSync(FILE, 'utf8'));
      this.right = new Set(right);
      this.areAllRight = all === this.ofAll();
    } catch {
      // Nothing was kept.
    }
  }

  /** True where nothing has changed since all was right. */
  areAllRight = false;

  ofAll() {
    return hashOf([this.common, ...this.hashes(this.files)].join('\n'));
  }

  hashes(files) {
    return files.map((file) => `${file} ${this.texts.get(file)}`);
  }

  /** Returns, by the path of each source of a program, its key. */
  keysIn(program, project) {
    const builder = ts.createSemanticDiagnosticsBuilderProgram(program, ts.sys);
    const keys = new Map();
    for (const source of program.getSourceFiles()) {
      if (PACKAGES.test(source.fileName)) continue;
      const paths = builder.getAllDependencies(source).filter((path) => !PACKAGES.test(path));
      const parts = paths.map((path) => relative('', path)).sort();
      // Such as what is made at a build: never known.
      if (parts.some((path) => !this.texts.has(path))) continue;
      const file = relative('', source.fileName);
      keys.set(file, hashOf([this.common, project, file, ...this.hashes(parts)].join('\n')));
    }
    return keys;
  }

  /** Returns keys of files that depend on no other. */
  keysOf(files) {
    return new Map(files.map((file) => [file, hashOf([this.common, ...this.hashes([file])].join('\n'))]));
  }

  /** Keeps keys of what is right. @param areAll whether there is nothing that is not */
  keep(right, areAll) {
    mkdirSync(dirname(FILE), { recursive: true });
    const aside = `${FILE}.${process.pid}`;
    writeFileSync(aside, JSON.stringify({ all: areAll ? this.ofAll() : '', right: [...right] }));
    renameSync(aside, FILE);
  }
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !PACKAGES.test(path));
}
