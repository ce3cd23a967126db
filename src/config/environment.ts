import { isIP } from 'node:net';
import type { VariableName } from './variables';

/** Shortest token that is accepted, characters. */
const TOKEN_CHARACTERS = 16;
const KEY_BYTES = 32;
/** `name=value`, percent-encoded, as many as are wanted (W3C Baggage). */
const NAMED_VALUES =
  /^\s*[!#$%&'*+.^_`|~\w-]+\s*=[\x20-\x2b\x2d-\x7e]+(?:,\s*[!#$%&'*+.^_`|~\w-]+\s*=[\x20-\x2b\x2d-\x7e]+)*$/;

/**
 * Reader of the environment's variables. What is wrong with one is noted by its name, and something that has its type is
 * returned, so that all mistakes are found at once.
 */
export class Environment {
  readonly mistakes: string[] = [];

  constructor(private readonly variables: NodeJS.ProcessEnv) {}

  /** Notes a mistake. @param what is right instead; it never repeats what may be a secret */
  refuse(name: VariableName | `${VariableName}, ${VariableName}`, what: string): void {
    this.mistakes.push(`${name}: ${what}`);
  }

  /** Returns a text; undefined where it is empty or not set. */
  text(name: VariableName): string | undefined {
    const given = this.variables[name];
    return given === '' ? undefined : given;
  }

  /** Returns the words of a list that is separated by commas. @param all word that stands for all of them, the default */
  words<W extends string>(name: VariableName, known: readonly W[], all: string): readonly W[] {
    const given = (this.text(name) ?? all).split(',').map((word) => word.trim());
    if (given.includes(all)) return known;
    for (const word of given) {
      if (!known.includes(word as W))
        this.refuse(name, `there is no ${JSON.stringify(word)}; known are ${known.join(', ')} and ${all}`);
    }
    return known.filter((word) => given.includes(word));
  }

  whole<F extends number | undefined>(
    name: VariableName,
    fallback: F,
    minimum: number,
    maximum: number,
  ): number | F {
    const given = this.text(name);
    if (given === undefined) return fallback;
    const value = /^\d+$/.test(given) ? Number(given) : NaN;
    if (value >= minimum && value <= maximum) return value;
    this.refuse(name, `${JSON.stringify(given)} is not a whole number from ${minimum} to ${maximum}`);
    return fallback;
  }

  choice<W extends string>(name: VariableName, choices: readonly W[], fallback: W): W {
    const given = this.text(name) ?? fallback;
    if (choices.includes(given as W)) return given as W;
    this.refuse(name, `${JSON.stringify(given)} is not one of ${choices.join(', ')}`);
    return fallback;
  }

  /** Returns whether something is on, as it is by default. */
  isOn(name: VariableName, fallback: 'on' | 'off'): boolean {
    return this.choice(name, ['on', 'off'], fallback) === 'on';
  }

  /** Returns the URL of servers, which may name several; it may hold a password. */
  url(name: VariableName, schemes: readonly string[]): string | undefined {
    const given = this.text(name);
    if (given !== undefined && !schemes.some((scheme) => given.startsWith(`${scheme}://`)))
      this.refuse(
        name,
        `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
      );
    return given;
  }

  /** Returns a URL of http or https. @param example one that is right */
  webUrl(name: VariableName, example: string): string | undefined {
    const given = this.url(name, ['https', 'http']);
    if (given !== undefined && /^https?:\/\//.test(given) && !URL.canParse(given))
      this.refuse(name, `must be a URL such as ${example}`);
    return given;
  }

  /** Returns a URL of the web below which there are paths of ours: nothing stands behind its own path. */
  baseUrl(name: VariableName, example: string): string | undefined {
    const given = this.webUrl(name, example);
    if (given === undefined || !URL.canParse(given)) return given;
    const { username, password } = new URL(given);
    if (username !== '' || password !== '' || /[?#]/.test(given))
      this.refuse(name, `must be a URL such as ${example}, without a user, a query or a fragment`);
    return given;
  }

  /** Returns addresses and networks in CIDR notation, separated by commas. */
  networks(name: VariableName): readonly string[] {
    const given = (this.text(name) ?? '').split(',').map((one) => one.trim());
    const named = given.filter((one) => one !== '');
    for (const one of named) {
      if (!isNetwork(one))
        this.refuse(name, `${JSON.stringify(one)} is neither an address nor a network such as 10.0.0.0/8`);
    }
    return named;
  }

  /** Returns a key that encrypts. */
  key(name: VariableName): Buffer | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    const bytes = Buffer.from(given, 'base64');
    if (bytes.length !== KEY_BYTES)
      this.refuse(name, `must be 32 bytes in base64; make one by: openssl rand -base64 32`);
    return bytes;
  }

  /** Returns a token that callers give. */
  token(name: VariableName): string | undefined {
    const given = this.text(name);
    if (given !== undefined && given.length < TOKEN_CHARACTERS)
      this.refuse(
        name,
        `must have at least ${TOKEN_CHARACTERS} characters, for it can be guessed; make one by: openssl rand -hex 24`,
      );
    if (given !== undefined && !/^[\x21-\x7e]+$/.test(given))
      this.refuse(name, 'must be letters, digits and signs without spaces: it is sent in a header');
    return given;
  }

  /** Checks named values, which others read; they may be secrets. */
  checkNamedValues(name: VariableName): void {
    const given = this.text(name);
    if (given !== undefined && !NAMED_VALUES.test(given))
      this.refuse(name, 'must be name=value, separated by commas');
  }
}

/** Tells whether a text is an address, or a network in CIDR notation. */
function isNetwork(text: string): boolean {
  const [address = '', prefix = '0', ...rest] = text.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  return isIP(address) > 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
}
