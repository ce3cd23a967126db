/**
 * Types and ESLint in one process, with the findings of `npm run typecheck` and of `npm run lint`: each program of
 * TypeScript is made once, and what the one has inferred the other need not. Prettier is no part of it.
 */
import { ESLint } from 'eslint';
import ts from 'typescript';

/** As `npm run typecheck` has them. */
const PROJECTS = ['tsconfig.json', 'src/console/web/tsconfig.json'];
/** As `npm run lint` has them. */
const FOLDERS = ['src', 'test', 'migrations', 'bench', 'demo', 'scripts'];

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
  return ts.createProgram(fileNames, options);
}

/** Returns whether there is no error. */
function checkTypes(program) {
  const found = ts.getPreEmitDiagnostics(program);
  if (found.length > 0) console.error(ts.formatDiagnostics(found, formatHost));
  return found.length === 0;
}

/** Returns whether there is no error; warnings are told alone. */
async function lint(programs) {
  const eslint = new ESLint({
    overrideConfig: {
      files: ['**/*.ts', '**/*.tsx', '**/*.mts'],
      languageOptions: { parserOptions: { programs, projectService: false } },
    },
  });
  const results = await eslint.lintFiles(FOLDERS);
  const { format } = await eslint.loadFormatter('stylish');
  const text = await format(results);
  if (text !== '') console.error(text);
  return results.every(({ errorCount }) => errorCount === 0);
}

const programs = PROJECTS.map(programOf);
const areTyped = programs.map(checkTypes).every(Boolean);
const isLinted = await lint(programs);
if (!areTyped || !isLinted) process.exit(1);
