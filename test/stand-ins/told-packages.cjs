/** Preloaded: says on stderr which packages of OpenTelemetry a process loads; prom-client brings `api` along. */
const Module = require('node:module');

const load = Module._load;
const told = new Set();
Module._load = function (request, ...rest) {
  if (request.startsWith('@opentelemetry/') && request !== '@opentelemetry/api' && !told.has(request)) {
    told.add(request);
    process.stderr.write(`loaded ${request}\n`);
  }
  return load.call(this, request, ...rest);
};
