/**
 * A machine whose clock is wrong, for `node --require`: by as many seconds as the file of SHIFTED_CLOCK says, which may
 * change while the program runs. Its monotonic clock is left alone, as an operating system's is.
 */
const { readFileSync } = require('node:fs');

const file = process.env.SHIFTED_CLOCK;
const RealDate = Date;
const realNow = Date.now;
const LOOK_MS = 50;
let shiftMs = 0;
let lookedAt = -Infinity;

function now() {
  if (performance.now() - lookedAt > LOOK_MS) {
    lookedAt = performance.now();
    shiftMs = Number(readFileSync(file, 'utf8')) * 1000;
  }
  return realNow() + shiftMs;
}

globalThis.Date = class Date extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [now()] : given));
  }
  static now = now;
};
