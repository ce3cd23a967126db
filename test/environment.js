const { TestEnvironment } = require('jest-environment-node');

/** Specs share the machine, and it may be a slow one: what they say that something may take is meant for a quiet one. */
const PATIENCE = 3;

/** Gives tests and hooks as many times longer; one that hangs is ended all the same. */
module.exports = class extends TestEnvironment {
  handleTestEvent({ name }, { rootDescribeBlock }) {
    if (name === 'run_start') giveTime(rootDescribeBlock);
  }
};

function giveTime({ hooks, children }) {
  const tests = children.filter(({ type }) => type === 'test');
  for (const one of [...hooks, ...tests]) if (one.timeout !== undefined) one.timeout *= PATIENCE;
  for (const block of children.filter(({ type }) => type === 'describeBlock')) giveTime(block);
}
