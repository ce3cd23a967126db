const { statSync } = require('node:fs');
const { join, sep } = require('node:path');
const { default: Sequencer } = require('@jest/test-sequencer');

const PROGRAM = join(__dirname, sep);

/**
 * Specs of the whole program first, as they take long and mostly wait: at the end only short ones are left, and no worker
 * runs alone. Among them the slowest of the last run first; the longest text, where no run is known.
 */
module.exports = class extends Sequencer {
  sort(tests) {
    const size = new Map(tests.map(({ path }) => [path, statSync(path).size]));
    const isUnit = ({ path }) => Number(!path.startsWith(PROGRAM));
    return [...tests].sort(
      (a, b) =>
        isUnit(a) - isUnit(b) || (b.duration ?? 0) - (a.duration ?? 0) || size.get(b.path) - size.get(a.path),
    );
  }
};
