/** Sentences for what mail servers answer, and what nodemailer says when a message can't be handed over. */
import { messageOf } from '../common/errors';

/** Fields of an error of nodemailer. */
interface SmtpError {
  /** Answer of the server, its code first. */
  response?: string;
  /** Command that was answered so. */
  command?: string;
}

const REFUSALS: [RegExp, string][] = [
  [/^CONN/, 'it did not greet as a mail server does'],
  [/^(EHLO|HELO|LHLO)/, 'it does not speak with us'],
  [/^STARTTLS/, 'it refused TLS (STARTTLS)'],
  [/^AUTH/, 'it refused the login'],
  [/^MAIL FROM/, 'it refused the sender'],
  [/^RCPT TO/, 'it refused the recipients'],
  [/^DATA/, 'it refused the message'],
];

const CLIENT: [RegExp, string][] = [
  [/^Greeting never received/, 'it did not greet; is it a mail server, and does it want TLS from the start (security: tls)?'],
  [/^(Connection closed|Server closed the connection|Unexpected socket close)/, 'it closed the connection'],
  [/^(Connection timeout|Timeout)$/, 'no answer in time'],
  [/^Error upgrading connection with STARTTLS/, 'it refused TLS (STARTTLS); security: none sends without'],
  [/^Error initiating TLS - .*self[- ]signed/, 'its certificate is self-signed; to trust it, give it as tls.ca'],
  [/^Error initiating TLS - .*(expired)/, 'its certificate has expired'],
  [/^Error initiating TLS - .*altnames/, 'its certificate is of another name than it is asked by'],
  [/^Error initiating TLS - .*(unable to|certificate)/, 'its certificate is signed by nobody who is trusted here; give its CA as tls.ca'],
  [/^Error initiating TLS/, 'TLS could not be agreed upon'],
  [/^Missing credentials/, 'it asks for a login; give username and password'],
  [/^Unknown authentication method/, 'it offers no way to log in that is known here'],
  [/^Server response exceeds|^Unexpected Response/, 'it answered, but not as a mail server does'],
  [/^Message size larger than allowed/, 'the message is larger than it takes'],
]; // prettier-ignore

const CHARACTERS_AT_MOST = 500;

/** Describes an error as the end of a sentence whose subject is the server, in one line. */
export function smtpWords(error: unknown): string {
  const { response, command = '' } = Object(error) as SmtpError;
  if (response !== undefined) {
    const isNeither = /^DATA/.test(command) && !/(?:^|\n)[45]\d\d(?: [^\n]*)?$/.test(response.trim());
    const deed = isNeither
      ? 'it answered the message with neither yes nor no'
      : (REFUSALS.find(([asked]) => asked.test(command))?.[1] ?? 'it refused');
    return inOneLine(`${deed}: ${response}`);
  }
  const message = messageOf(error);
  return CLIENT.find(([text]) => text.test(message))?.[1] ?? inOneLine(message);
}

const inOneLine = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, CHARACTERS_AT_MOST);
