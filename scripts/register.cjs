/**
 * For `node --require`, by which specs run threads and processes of the program from its source: compiles TypeScript as
 * the build does. `@swc-node/register` would load the whole of TypeScript before, in each of them.
 */
const { transformSync } = require('@swc/core');
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { jsc, lazy } = require('./swc.cjs');

process.setSourceMapsEnabled(true);

Module._extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    swcrc: false,
    jsc,
    module: { type: 'commonjs', ignoreDynamic: true, lazy },
    sourceMaps: 'inline',
  });
  module._compile(code, filename);
};
