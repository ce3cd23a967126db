const { availableParallelism } = require('node:os');
const { jsc, lazy } = require('./scripts/swc.cjs');

const swc = (module) => ['@swc/jest', { jsc, module: { type: 'commonjs', ...module }, sourceMaps: 'inline' }];

module.exports = {
  rootDir: '.',
  testEnvironment: '<rootDir>/test/environment.js',
  testEnvironmentOptions: { globalsCleanup: 'off' },
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  // The console's page has another tsconfig; it is tried in a browser.
  testPathIgnorePatterns: ['/node_modules/', '/src/console/web/'],
  globalSetup: '<rootDir>/test/global-setup.ts',
  globalTeardown: '<rootDir>/test/global-teardown.ts',
  // Published as ES modules only; jest has to transform them.
  transform: {
    // Tests that run side by side, which are here, may not load anything any more.
    '/test/.+\\.ts$': swc({}),
    '^.+\\.[tj]s$': swc({ lazy }),
  },
  transformIgnorePatterns: ['/node_modules/(?!@marcbachmann/cel-js/|openid-client/|oauth4webapi/|jose/)'],
  // Own files that are imported as they are needed are named as they are built.
  moduleNameMapper: { '^(\\.{1,2}/(?:migrating|otlp-tracer|restoring|rotating))\\.js$': '$1' },
  testTimeout: 90_000,
  testSequencer: '<rootDir>/test/sequencer.js',
  reporters: ['<rootDir>/test/reporter.js'],
  // Whole-program specs mostly wait: more at a time than there are cores.
  maxWorkers: Math.max(4, availableParallelism()),
  forceExit: true,
};
