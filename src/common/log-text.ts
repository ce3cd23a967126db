/** Lines of the log as people read them on a terminal. */

const LEVELS: Readonly<Record<string, string>> = {
  debug: '\u001b[2mdebug\u001b[0m',
  info: 'info ',
  warn: '\u001b[33mwarn \u001b[0m',
  error: '\u001b[31merror\u001b[0m',
  fatal: '\u001b[31mfatal\u001b[0m',
};
/** What is the same in every line of a process says nothing to somebody who looks at its terminal. */
const SAME = ['pid', 'hostname', 'roles'];
/** A terminal obeys control characters, and a log holds texts of strangers. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Line as pino writes it. */
interface Line {
  level: string;
  time: string;
  context?: string;
  msg?: string;
  stack?: string;
  [fact: string]: unknown;
}

/**
 * Returns a line of JSON as text: local time, level, context, message, and whatever else it has.
 *
 * @param json line as pino writes it, with its line end
 */
export function logText(json: string): string {
  const { level, time, context, msg, stack, ...facts } = JSON.parse(json) as Line;
  const at = new Date(time).toTimeString().slice(0, 8);
  const others = Object.entries(facts).filter(([name]) => !SAME.includes(name));
  const words = [
    at,
    LEVELS[level] ?? level,
    ...(context === undefined ? [] : [`${harmless(context)}:`]),
    ...(msg === undefined ? [] : [harmless(msg)]),
    ...others.map(([name, value]) => harmless(`${name}=${JSON.stringify(value)}`)),
  ];
  return `${words.join(' ')}\n${stack === undefined ? '' : `${stack.split('\n').map(harmless).join('\n')}\n`}`;
}

const harmless = (text: string): string =>
  text.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
