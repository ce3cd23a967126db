/** How swc compiles TypeScript, for the program and for the specs alike. */
module.exports = {
  parser: { syntax: 'typescript', decorators: true },
  transform: { legacyDecorator: true, decoratorMetadata: true },
  target: 'es2023',
  keepClassNames: true,
};
