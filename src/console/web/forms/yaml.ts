/** Writes JSON values as YAML 1.2 that people would write: blocks, and quotes where a text needs them. */
import { isObject, type Json } from './values';

/** Texts that mean themselves without quotes, and are no other word of YAML. */
const PLAIN = /^[A-Za-z][\w./-]*( [\w./-]+)*$/;
const WORDS = /^(true|false|null|yes|no|on|off|y|n)$/i;

const scalar = (value: Json): string => {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'null';
  // JSON's texts are YAML's double-quoted ones.
  return PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value);
};

const isBlock = (value: Json): boolean =>
  Array.isArray(value) ? value.length > 0 : isObject(value) && entriesOf(value).length > 0;

const entriesOf = (value: Record<string, Json>): [string, Json][] =>
  Object.entries(value).filter(([, member]) => member !== undefined);

function lines(value: Json): string[] {
  if (Array.isArray(value) && value.length > 0)
    return value.flatMap((item) => {
      const [first = '', ...others] = lines(item);
      return [`- ${first}`, ...others.map((line) => `  ${line}`)];
    });
  if (isObject(value) && isBlock(value))
    return entriesOf(value).flatMap(([name, member]) =>
      isBlock(member)
        ? [`${scalar(name)}:`, ...lines(member).map((line) => `  ${line}`)]
        : [`${scalar(name)}: ${lines(member)[0]}`],
    );
  if (isObject(value)) return ['{}'];
  return [Array.isArray(value) ? '[]' : scalar(value)];
}

export const stringify = (value: Json): string => `${lines(value).join('\n')}\n`;
