// Loaded into a program before everything else: at SIGWINCH it throws where nobody catches, as a fault of ours would.
const { setImmediate } = require('node:timers');

process.on('SIGWINCH', () => {
  setImmediate(() => {
    throw new Error('a fault of ours');
  });
  void Promise.reject(new Error('another fault of ours'));
});
