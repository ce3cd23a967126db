/** Required by a program under test (`node --require`): its questions to the DNS go to a stand-in on this machine. */
const { promises } = require('node:dns');

const { Resolver } = promises;
promises.Resolver = class extends Resolver {
  constructor(options) {
    super(options);
    this.setServers([process.env.DNS_STAND_IN]);
  }
};
