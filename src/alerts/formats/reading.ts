/** Reads fields of messages for the formats: written by hand, as messages of thousands of alerts must cost little. */
import { hash } from 'node:crypto';
import { momentProblem } from '../../api/range-query';
import { step } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { isObject } from '../../common/json';
import { numberOf } from '../../common/json-path';
import { put } from '../../common/records';

/** Yields the items of a list, each read when it is asked for. */
export function* each<T>(
  list: readonly unknown[],
  read: (given: unknown, index: number) => T,
): Generator<T, void> {
  for (let index = 0; index < list.length; index++) yield read(list[index], index);
}

export const MAX_ENTRIES = 200;
const MAX_TEXT = 10_000;
const MAX_NAME = 1_000;
const MAX_KEY = 255;

/** First year of a valid moment; earlier ones are Go's zero time, or of a clock that was never set. */
const FIRST_YEAR = 1970;
const LAST_SECOND = 253_402_300_799;

/**
 * Reads labels, or other texts by name, up to the first that is wrong. Texts of more than 10,000 characters are cut.
 *
 * @param errors joined by what is wrong
 */
export function textsIn(given: unknown, pointer: string, errors: FieldError[]): Record<string, string> {
  if (given === undefined || given === null) return {};
  const wrong = (detail: string, at = pointer) => {
    errors.push({ pointer: at, detail });
    return {};
  };
  if (!isObject(given)) return wrong('must be an object of texts');
  const names = Object.keys(given);
  if (names.length > MAX_ENTRIES) return wrong(`must have at most ${MAX_ENTRIES} entries`);
  let isLong = false;
  for (const name of names) {
    if (name.length > MAX_NAME) return wrong(`must have no name of more than ${MAX_NAME} characters`);
    const text = given[name];
    if (typeof text !== 'string') return wrong('must be a text', pointer + step(name));
    if (text.length > MAX_TEXT) isLong = true;
  }
  const texts = given as Record<string, string>;
  return isLong ? Object.fromEntries(names.map((name) => [name, texts[name]!.slice(0, MAX_TEXT)])) : texts;
}

/** Reads labels; an empty one counts as absent, as in Prometheus. */
export const labelsIn = (given: unknown, pointer: string, errors: FieldError[]): Record<string, string> =>
  withoutEmpty(textsIn(given, pointer, errors));

export function withoutEmpty(labels: Record<string, string>): Record<string, string> {
  for (const name in labels)
    if (labels[name] === '')
      return Object.fromEntries(Object.entries(labels).filter(([, text]) => text !== ''));
  return labels;
}

/** Turns scalars into labels, the first 200: leaves out what is absent, null, blank or no scalar. */
export function labelsOf(given: Readonly<Record<string, unknown>>): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const name of Object.keys(given).slice(0, MAX_ENTRIES)) {
    const text = scalarText(given[name]);
    if (text !== undefined && text !== '' && name.length <= MAX_NAME) put(labels, name, text);
  }
  return labels;
}

function scalarText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.slice(0, MAX_TEXT);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** Returns a text that is not blank; undefined for anything else. */
export const textIn = (given: unknown): string | undefined =>
  typeof given === 'string' && given.trim() !== '' ? given.slice(0, MAX_TEXT) : undefined;

/**
 * Reads a moment (RFC 3339); undefined for none, and for times before 1970, which nobody means.
 *
 * @param errors joined by what is wrong
 */
export function momentIn(given: unknown, pointer: string, errors: FieldError[]): Date | undefined {
  if (given === undefined || given === null || given === '') return undefined;
  // Nothing here tells leap seconds apart.
  const text = typeof given === 'string' ? given.replace(/:60(?=[.Z+-])/i, ':59') : undefined;
  const problem = text === undefined ? 'must be a text' : momentProblem(text);
  if (problem !== undefined) {
    errors.push({ pointer, detail: problem });
    return undefined;
  }
  const moment = new Date(text!);
  return moment.getUTCFullYear() < FIRST_YEAR ? undefined : moment;
}

/** Reads a moment in seconds since 1970, given as a number or a text; undefined for none, and for 0. */
export function secondsIn(given: unknown, pointer: string, errors: FieldError[]): Date | undefined {
  if (given === undefined || given === null || given === '') return undefined;
  const seconds = numberOf(given);
  if (seconds === 0) return undefined;
  if (seconds !== undefined && seconds > 0 && seconds <= LAST_SECOND) return new Date(seconds * 1000);
  errors.push({ pointer, detail: 'must be a time in seconds since 1970' });
  return undefined;
}

/** Returns a text as a key, or its hash where it is too long. */
export const keyOf = (text: string): string => (text.length <= MAX_KEY ? text : hashedKey(text));

/** Texts that JSON writes as they are. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Returns the key of alerts with these labels, in any order. */
export function keyOfLabels(labels: Readonly<Record<string, string>>): string {
  const names = Object.keys(labels).sort();
  let json = '';
  let all = '';
  for (const name of names) {
    const label = labels[name]!;
    json += `${json === '' ? '[' : ','}["${name}","${label}"]`;
    all += name + label;
  }
  // Put together by hand, where that is the same: twice as fast as making a list for each.
  if (json !== '' && PLAIN.test(all)) return keyOfJson(`${json}]`);
  return hashedKey(names.map((name) => [name, labels[name]]));
}

/** Returns a key made of what identifies an alert. */
export const hashedKey = (identity: unknown): string => keyOfJson(JSON.stringify(identity));

const keyOfJson = (json: string): string => hash('sha256', json, 'hex').slice(0, 32);
