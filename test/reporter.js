const { writeFileSync } = require('node:fs');
const { relative } = require('node:path');

const root = process.cwd();

/**
 * Says nothing of what passes but how far it is: on a terminal in one line that stands still, elsewhere a line for each
 * file. Failures are told at once, in full. The files that failed are written to the file `TEST_FAILED`, a line each.
 */
module.exports = class {
  done = 0;
  failed = 0;
  all = 0;
  begun = performance.now();
  isTerminal = Boolean(process.stderr.isTTY);

  onRunStart({ numTotalTestSuites }) {
    this.all = numTotalTestSuites;
  }

  onTestResult({ path }, result) {
    this.done++;
    const name = relative(root, path);
    const seconds = Math.round((result.perfStats.end - result.perfStats.start) / 1000);
    const isFailed = result.numFailingTests > 0 || Boolean(result.testExecError);
    if (isFailed) this.failed++;
    const console = (result.console ?? []).map(({ message }) => `${message}\n`).join('');
    if (isFailed || console !== '') this.tell(`${console}${result.failureMessage ?? ''}`);
    const line = `${isFailed ? 'FAIL' : 'pass'} ${this.done}/${this.all} ${name} (${seconds} s)`;
    if (!this.isTerminal || isFailed) this.tell(`${line}\n`);
    if (this.isTerminal) {
      const minutes = ((performance.now() - this.begun) / 60_000).toFixed(1);
      const failed = this.failed > 0 ? `, ${this.failed} failed` : '';
      process.stderr.write(
        `\r\x1b[K${this.done} of ${this.all} files after ${minutes} min${failed}; last: ${name}`,
      );
    }
  }

  onRunComplete(_, { numPassedTests, numFailedTests, numPendingTests, testResults }) {
    const failed = testResults
      .filter(({ failureMessage }) => failureMessage)
      .map(({ testFilePath }) => relative(root, testFilePath));
    const seconds = Math.round((performance.now() - this.begun) / 1000);
    const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
    this.tell(
      `${this.done} files in ${seconds} s: ${numPassedTests} tests passed, ${numFailedTests} failed${skipped}\n`,
    );
    for (const name of failed) process.stderr.write(`failed: ${name}\n`);
    if (process.env.TEST_FAILED) writeFileSync(process.env.TEST_FAILED, failed.join('\n'));
  }

  tell(text) {
    process.stderr.write(`${this.isTerminal ? '\r\x1b[K' : ''}${text}`);
  }
};
