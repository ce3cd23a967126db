import { smtpWords } from './smtp-words';

const error = (message: string, more: object = {}) => Object.assign(new Error(message), more);

test.each([
  [error('Invalid login: 535 5.7.8 no', { response: '535 5.7.8 no', command: 'AUTH PLAIN', code: 'EAUTH' }), 'it refused the login: 535 5.7.8 no'],
  [error("Can't send mail - all recipients were rejected: 550 x", { response: '550 no such\n550 user', command: 'RCPT TO' }), 'it refused the recipients: 550 no such 550 user'],
  [error('Message failed: 552 full', { response: '552 full', command: 'DATA' }), 'it refused the message: 552 full'],
  [error('Invalid greeting. response=554 go: 554 go', { response: '554 go', command: 'CONN' }), 'it did not greet as a mail server does: 554 go'],
  [error('Greeting never received', { code: 'EPROTOCOL' }), /^it did not greet; is it a mail server/],
  [error('Connection closed unexpectedly', { code: 'ECONNECTION' }), 'it closed the connection'],
  [error('Missing credentials for "PLAIN"', { code: 'EAUTH' }), 'it asks for a login; give username and password'],
  [error('connect ECONNREFUSED 10.0.0.7:25', { code: 'ESOCKET', originalCode: 'ECONNREFUSED' }), 'it refuses connections at 10.0.0.7:25; does something listen there?'],
  [error('self-signed certificate', { code: 'ESOCKET', originalCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'its certificate is self-signed; to trust it, give it as tls.ca'],
  [error('Error initiating TLS - unable to verify the first certificate', { code: 'ETLS' }), /^its certificate is signed by nobody/],
  [error('8FC:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/x.c:1:\n', { code: 'ESOCKET' }), /^it does not speak TLS on this port/],
  [error('getaddrinfo ENOTFOUND mail.invalid', { code: 'EDNS', originalCode: 'ENOTFOUND', hostname: 'mail.invalid' }), 'the DNS does not know mail.invalid'],
])('of nodemailer, %#', (given, words) => {
  expect(smtpWords(given)).toEqual(typeof words === 'string' ? words : expect.stringMatching(words));
  expect(smtpWords(given)).not.toMatch(/\n|E[A-Z]{5}|error:/);
}); // prettier-ignore
