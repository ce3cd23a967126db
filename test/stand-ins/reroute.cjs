/**
 * Required by a program under test (`node --require`): connections to hosts of SNS go to a stand-in on this machine.
 * Names and certificates are checked as ever.
 */
const { Agent } = require('node:https');

const connect = Agent.prototype.createConnection;
Agent.prototype.createConnection = function (options, ...rest) {
  const isSns = /^sns\..*\.amazonaws\.com/.test(options.host ?? '');
  const there = { host: '127.0.0.1', port: Number(process.env.SNS_STAND_IN_PORT) };
  return connect.call(this, isSns ? { ...options, ...there } : options, ...rest);
};
