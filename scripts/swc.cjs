/** How swc compiles TypeScript, for the program and for the specs alike. */
module.exports = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    target: 'es2023',
    keepClassNames: true,
  },
  /**
   * Packages that are loaded when something of theirs is first used: no process uses all of them, and most use few. They
   * must do nothing by being loaded that anybody relies on.
   */
  lazy: [
    '@aws-sdk/client-auto-scaling',
    '@aws-sdk/client-sns',
    '@marcbachmann/cel-js',
    '@nestjs/swagger',
    'axios',
    'class-validator',
    'cookie',
    'fast-xml-parser',
    'json-p3',
    'liquidjs',
    'net-snmp',
    'nodemailer',
    'openid-client',
    'pg-copy-streams',
    'piscina',
    're2js',
    'yaml',
  ],
};
