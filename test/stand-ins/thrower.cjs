// Loaded into a program before everything else: at SIGUSR2 it throws where nobody catches, as a fault of ours would.
const { setImmediate } = require('node:timers');

process.on('SIGUSR2', () => {
  setImmediate(() => {
    throw new Error('a fault of ours');
  });
  void Promise.reject(new Error('another fault of ours'));
});
