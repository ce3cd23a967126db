/**
 * For `node --require`, by which specs start the program: keeps where each module was found and how V8 compiled it, in a
 * folder beside the build. Half of a start is spent on that. What is built anew, or run by another Node.js or with other
 * flags, has a cache of its own; what is not kept is loaded as ever.
 */
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');
const { isMainThread } = require('node:worker_threads');

const DIST = path.join(__dirname, '..', 'dist');
const FOLDER = path.join(DIST, '.compiled');
const FILE = path.join(FOLDER, `${process.version}-${v8.cachedDataVersionTag()}`);
/** Script that imports while it runs, which one that was kept can't. */
const DYNAMIC = /\bimport\(/;
/** New modules that make it worth to write all of it again. */
const WORTH = 100;

/** Kept: by the module that asks and what it asks for, the file; by the file, where its code lies. */
const kept = { found: {}, code: {} };
let code = Buffer.alloc(0);
const fresh = new Map();

try {
  const all = fs.readFileSync(FILE);
  const length = all.readUInt32LE(0);
  Object.assign(kept, JSON.parse(all.toString('utf8', 4, 4 + length)));
  code = all.subarray(4 + length);
} catch {
  // The first start after a build.
}

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, parent, isMain, options) {
  const by = parent?.filename;
  if (options || !by || Module.isBuiltin(request))
    return resolveFilename.call(this, request, parent, isMain, options);
  const known = kept.found[by]?.[request];
  if (known !== undefined) return known;
  const file = resolveFilename.call(this, request, parent, isMain, options);
  if (file.endsWith('.js')) (kept.found[by] ??= {})[request] = file;
  return file;
};

const loadJs = Module._extensions['.js'];
Module._extensions['.js'] = function (module, file) {
  // Who replaces how modules are compiled has it his way.
  if (kept.code[file] === undefined || module._compile !== compileKept) return loadJs(module, file);
  module._compile(fs.readFileSync(file, 'utf8'), file, 'commonjs');
};

const compile = Module.prototype._compile;
Module.prototype._compile = compileKept;
function compileKept(content, filename, format) {
  if (format === 'module' || !filename.endsWith('.js') || content.startsWith('#!') || DYNAMIC.test(content))
    return compile.call(this, content, filename, format);
  const [from, to] = kept.code[filename] ?? [];
  let script;
  try {
    script = new vm.Script(Module.wrap(content), {
      filename,
      cachedData: from === undefined ? undefined : code.subarray(from, to),
    });
  } catch {
    // Syntax of ES modules, which Node.js recognises.
    return compile.call(this, content, filename, format);
  }
  if (from === undefined || script.cachedDataRejected) fresh.set(filename, script);
  const run = script.runInThisContext({ displayErrors: true });
  const requireIt = (id) => this.require(id);
  requireIt.resolve = (id, options) => Module._resolveFilename(id, this, false, options);
  requireIt.resolve.paths = (id) => Module._resolveLookupPaths(id, this);
  requireIt.main = process.mainModule;
  requireIt.extensions = Module._extensions;
  requireIt.cache = Module._cache;
  return run.call(this.exports, this.exports, requireIt, this, filename, path.dirname(filename));
}

if (isMainThread)
  process.on('exit', () => {
    const isKeptByNow = code.length === 0 && fs.existsSync(FILE);
    if (fresh.size < WORTH || isKeptByNow) return;
    try {
      keep();
    } catch {
      // A disk that is full, or dist is built again at this moment: the next start is slower.
    }
  });

/** As it is at the end: with what was compiled since it was loaded. */
function keep() {
  const parts = [];
  const places = {};
  let length = 0;
  const add = (file, data) => {
    places[file] = [length, (length += data.length)];
    parts.push(data);
  };
  for (const [file, script] of fresh) add(file, script.createCachedData());
  for (const [file, [from, to]] of Object.entries(kept.code))
    if (!fresh.has(file)) add(file, code.subarray(from, to));
  const index = Buffer.from(JSON.stringify({ found: kept.found, code: places }));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(index.length);
  fs.mkdirSync(FOLDER, { recursive: true });
  const aside = `${FILE}.${process.pid}`;
  fs.writeFileSync(aside, Buffer.concat([head, index, ...parts]));
  fs.renameSync(aside, FILE);
}
