/**
 * Types and ESLint in one process, with the findings of `npm run typecheck` and of `npm run lint`: each program of
 * TypeScript is made once, and what the one has inferred the other need not. Prettier is no part of it. What was found
 * right is looked at again when it, or what it depends on, has changed.
 */
import { ESLint } from 'eslint';
import { relative } from 'node:path';
import ts from 'typescript';
import { Seen } from './seen.mjs';

/** As `npm run typecheck` has them. */
const PROJECTS = ['tsconfig.json', 'src/console/web/tsconfig.json'];
/** As `npm run lint` has them. */
const FOLDERS = ['src', 'test', 'migrations', 'bench', 'demo', 'scripts'];
const SCRIPT = /\.[cm]?js$/;
const LINTED = /\.([cm]?js|m?ts|tsx)$/;

const formatHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => process.cwd(),
  getNewLine: () => '\n',
};

function programOf(config) {
  const fail = (diagnostic) => {
    throw new Error(ts.formatDiagnostic(diagnostic, formatHost));
  };
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail };
  const { fileNames, options, errors } = ts.getParsedCommandLineOfConfigFile(config, { noEmit: true }, host);
  if (errors.length > 0) fail(errors[0]);
  return ts.createProgram(fileNames, options, ts.createIncrementalCompilerHost(options));
}

/** Tells what is wrong with types, and returns it. @param isSeen of a file that need not be looked at */
function wrongTypes(program, isSeen) {
  const found = [
    ...program.getConfigFileParsingDiagnostics(),
    ...program.getOptionsDiagnostics(),
    ...program.getSyntacticDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...program
      .getSourceFiles()
      .filter(({ fileName }) => !isSeen(relative('', fileName)))
      .flatMap((source) => program.getSemanticDiagnostics(source)),
  ];
  if (found.length > 0) console.error(ts.formatDiagnostics(found, formatHost));
  return found;
}

/** Tells what ESLint finds in files, and returns its results; warnings are told alone. */
async function lint(programs, files) {
  const eslint = new ESLint({
    overrideConfig: {
      files: ['**/*.ts', '**/*.tsx', '**/*.mts'],
      languageOptions: { parserOptions: { programs, projectService: false } },
    },
    // Of none, as of those that are ignored, there is nothing to say.
    passOnNoPatterns: true,
    warnIgnored: false,
  });
  const results = await eslint.lintFiles(files);
  const { format } = await eslint.loadFormatter('stylish');
  const text = await format(results);
  if (text !== '') console.error(text);
  return results;
}

const seen = new Seen(FOLDERS);
if (!seen.areAllRight) {
  const programs = PROJECTS.map(programOf);
  const keys = [
    ...programs.map((program, index) => seen.keysIn(program, PROJECTS[index])),
    seen.keysOf(seen.files.filter((file) => SCRIPT.test(file))),
  ];
  const isRight = (key) => seen.right.has(key);
  const diagnostics = programs.flatMap((program, index) =>
    wrongTypes(program, (file) => isRight(keys[index].get(file))),
  );
  const isKnown = (file) => {
    const ofFile = keys.map((known) => known.get(file)).filter((key) => key !== undefined);
    return ofFile.length > 0 && ofFile.every(isRight);
  };
  const unseen = seen.files.filter((file) => LINTED.test(file) && !isKnown(file));
  const results = await lint(programs, unseen);

  const isFailed = diagnostics.length > 0 || results.some(({ errorCount }) => errorCount > 0);
  const told = results.filter(({ messages }) => messages.length > 0).map(({ filePath }) => filePath);
  const wrong = new Set(
    [...diagnostics.map(({ file }) => file?.fileName), ...told].map((file) => file && relative('', file)),
  );
  const right = keys.flatMap((known) =>
    [...known].filter(([file]) => !wrong.has(file)).map(([, key]) => key),
  );
  if (!wrong.has(undefined)) seen.keep(right, wrong.size === 0);
  if (isFailed) process.exit(1);
}
