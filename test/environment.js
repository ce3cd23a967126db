const { TestEnvironment } = require('jest-environment-node');

/** Specs share the machine, and it may be a slow one: what they say that something may take is meant for a quiet one. */
const PATIENCE = 3;
/** Characters of a spec's output that are kept, the last of them. */
const KEPT = 100_000;
const FAILURES = ['test_fn_failure', 'hook_failure', 'error'];
/** What takes long to make and is the same for every spec: kept from one file to the next that this worker runs. */
const kept = new Map();

/**
 * Gives tests and hooks more time, one that hangs is ended all the same; and shows what a spec writes only if it fails,
 * when it runs beside others.
 */
module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    this.global.keptByWorker = kept;
    if (process.send !== undefined) this.output = holdOutput();
  }

  async teardown() {
    this.output?.release(this.hasFailed === true);
    await super.teardown();
  }

  handleTestEvent({ name }, { rootDescribeBlock }) {
    if (name === 'run_start') giveTime(rootDescribeBlock);
    if (FAILURES.includes(name)) this.hasFailed = true;
  }
};

function giveTime({ hooks, children }) {
  const tests = children.filter(({ type }) => type === 'test');
  for (const one of [...hooks, ...tests]) if (one.timeout !== undefined) one.timeout *= PATIENCE;
  for (const block of children.filter(({ type }) => type === 'describeBlock')) giveTime(block);
}

function holdOutput() {
  const { stdout, stderr } = process;
  const writes = [stdout, stderr].map((stream) => [stream, stream.write]);
  let text = '';
  for (const [stream] of writes)
    stream.write = (chunk, encoding, done) => {
      text = (text + Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8').toString()).slice(
        -KEPT,
      );
      (typeof encoding === 'function' ? encoding : done)?.();
      return true;
    };
  return {
    release(isShown) {
      for (const [stream, write] of writes) stream.write = write;
      if (isShown) stdout.write(text);
    },
  };
}
