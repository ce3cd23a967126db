import 'reflect-metadata';
import { applyDecorators, type Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateBy,
} from 'class-validator';
import type { FieldError } from './errors';
import { isObject } from './json';
import { step } from './pointer';
import { isKept, isReference, secretProblem } from './secret-value';
import { templateProblem, type TemplateMode } from './templates';

/**
 * Options of a field of a DTO or of a mapping's params. A field is declared once: the decorators here give its
 * validation, JSON Schema, OpenAPI property and row in the docs. A field with an initialiser is optional and has that
 * default.
 */
export interface FieldOptions {
  description: string;
  /** Field that may be left out although it has no default. */
  optional?: boolean;
  example?: unknown;
  /**
   * Which part of the value decides who gets the secrets beside it. Default: all of it. `origin`: scheme, host and port
   * of a URL. `nothing`: it only says what is asked or sent. A function returns the part.
   */
  directs?: 'origin' | 'nothing' | ((value: unknown) => unknown);
}

export interface TextOptions extends FieldOptions {
  /** Write-only text, encrypted at rest; may be given as `{env}` or `{file}`. */
  secret?: boolean;
  /** Shortest length of a new secret that grants access; a stored one may be shorter. */
  charactersAtLeast?: number;
  /** Liquid template; the mode says where its output stands, and so how values are escaped. */
  template?: TemplateMode;
  minLength?: number;
  maxLength?: number;
  pattern?: RegExp;
  /** Error message when the pattern does not match: what would be right. */
  patternHint?: string;
  /** Checks the literal value. Returns the problem as a sentence, or undefined. */
  check?: (value: string) => string | undefined;
}

export interface NumberOptions extends FieldOptions {
  minimum?: number;
  maximum?: number;
  unit?: string;
}

type JsonSchema = Record<string, unknown>;

export interface Field {
  name: string;
  options: FieldOptions & { secret?: boolean; template?: TemplateMode; charactersAtLeast?: number };
  schema: JsonSchema;
  /** Class of a nested object, or of the items of a list. */
  nested?: () => Type<object>;
  list?: boolean;
  /** Largest number of items in a list of nested objects. */
  maxItems?: number;
  /**
   * Tells whether a value is certainly right, leaving nested values aside. False means that the validator has to be
   * asked.
   */
  isRight: (value: unknown) => boolean;
  /** Returns what is wrong inside of a value without a class of its own; the pointer is relative to the value. */
  problemIn?: (value: unknown) => FieldError | undefined;
}

const FIELDS = Symbol('monscale:fields');

const declared = new Set<Type<object>>();

/** Returns every class that declares fields. */
export const classesOfFields = (): ReadonlySet<Type<object>> => declared;

/** Returns the declared fields of a class, those of its base classes first. */
export function fieldsOf(cls: Type<object>): Field[] {
  return (Reflect.getMetadata(FIELDS, cls.prototype as object) as Field[] | undefined) ?? [];
}

function field(
  options: FieldOptions & { secret?: boolean; template?: TemplateMode },
  schema: JsonSchema,
  isRight: (value: unknown) => boolean,
  validators: () => PropertyDecorator[],
  nested?: () => Type<object>,
  maxItems?: number,
  problemIn?: Field['problemIn'],
): PropertyDecorator {
  return (target, property) => {
    const own = fieldsOf(target.constructor as Type<object>).filter(({ name }) => name !== property);
    const list = maxItems !== undefined;
    const entry: Field = {
      name: String(property),
      options,
      schema,
      nested,
      list,
      maxItems,
      isRight,
      problemIn,
    };
    Reflect.defineMetadata(FIELDS, [...own, entry], target);
    declared.add(target.constructor as Type<object>);
    // Every field is optional for the validator; `check` asks for the required ones, where defaults are known.
    const rule = () => applyDecorators(IsOptional(), ...validators())(target, property);
    const ruled = rules.get(target);
    if (ruled === undefined) rules.set(target, [rule]);
    else ruled.push(rule);
    descriptions.push(() =>
      ApiProperty({ ...schema, description: options.description, required: false })(target, property),
    );
  };
}

/** Rules that fields have yet to be given, by the prototype of their class: most classes are never asked for them. */
const rules = new Map<object, (() => void)[]>();
/** Properties that the description of the API has yet to be given. */
const descriptions: (() => void)[] = [];

/** Gives the fields of a class their rules, before the validator is asked about an instance of it. */
export function giveRules(cls: Type<object>): void {
  for (
    let target = cls.prototype as object | null;
    target !== null;
    target = Object.getPrototypeOf(target) as object | null
  ) {
    const ruled = rules.get(target);
    rules.delete(target);
    for (const give of ruled ?? []) give();
  }
}

/** Gives the description of the API the fields of all classes, before it is made. */
export function describeFields(): void {
  for (const describe of descriptions.splice(0)) describe();
}

/** Declares a text. */
export function Text(options: TextOptions): PropertyDecorator {
  const { secret, template, minLength, maxLength = 10_000, pattern, patternHint, check } = options;
  const schema: JsonSchema = { type: 'string', ...(minLength ? { minLength } : {}), maxLength };
  if (pattern) schema.pattern = pattern.source;
  if (template) schema['x-template'] = template;
  if (secret) schema.writeOnly = true;
  if (secret || template) {
    const problem = (value: unknown) =>
      (secret ? secretProblem(value) : undefined) ?? textProblem(value, options);
    return judged(options, schema, 'text', problem);
  }
  // The validator counts characters; of a text that is this short there are no fewer than one.
  const isRight = (value: unknown) =>
    typeof value === 'string' &&
    value.length <= maxLength &&
    (!minLength || (minLength === 1 && value.charCodeAt(0) < 0x80)) &&
    (pattern?.test(value) ?? true) &&
    check?.(value) === undefined;
  return field(options, schema, isRight, () => [
    IsString({ message: 'must be a text' }),
    MaxLength(maxLength, { message: `must have at most ${maxLength} characters` }),
    ...(minLength
      ? [
          MinLength(minLength, {
            message: minLength === 1 ? 'must not be empty' : `must have at least ${minLength} characters`,
          }),
        ]
      : []),
    ...(pattern ? [Matches(pattern, { message: patternHint ?? `must match ${pattern.source}` })] : []),
    ...(check ? [problemOf('check', (value) => (typeof value === 'string' ? check(value) : undefined))] : []),
  ]);
}

function textProblem(value: unknown, options: TextOptions): string | undefined {
  if (options.secret && typeof value === 'object') return undefined;
  if (options.template && typeof value === 'number') return textProblem(String(value), options);
  if (typeof value !== 'string') return options.template ? 'must be a text or a number' : 'must be a text';
  if (value.length > (options.maxLength ?? 10_000))
    return `must have at most ${options.maxLength ?? 10_000} characters`;
  if (value.length < (options.minLength ?? 0)) return 'must not be empty';
  const isLiteral = !options.template || !/\{[{%]/.test(value);
  if (isLiteral && options.pattern && !options.pattern.test(value)) {
    return options.patternHint ?? `must match ${options.pattern.source}`;
  }
  if (options.template)
    return (
      templateTrouble(value, options.template, options.secret) ??
      (isLiteral ? options.check?.(value) : undefined)
    );
  return options.check?.(value);
}

/** Returns what is wrong with a template. Of a secret one it tells the place alone: the whole message quotes the text. */
function templateTrouble(text: string, mode: TemplateMode, isSecret = false): string | undefined {
  const problem = templateProblem(text, mode);
  if (problem === undefined || !isSecret) return problem;
  return `is not a valid template${/, line:\d+, col:\d+$/.exec(problem)?.[0] ?? ''}`;
}

/** Declares a whole number. */
export function Whole(options: NumberOptions): PropertyDecorator {
  return numeric('integer', () => IsInt({ message: 'must be a whole number' }), options);
}

/** Declares a finite number. */
export function Decimal(options: NumberOptions): PropertyDecorator {
  const finite = () => IsNumber({ allowNaN: false, allowInfinity: false }, { message: 'must be a number' });
  return numeric('number', finite, options);
}

function numeric(type: string, kind: () => PropertyDecorator, options: NumberOptions): PropertyDecorator {
  const { minimum, maximum, unit } = options;
  const isKind = type === 'integer' ? Number.isInteger : Number.isFinite;
  const isRight = (value: unknown) =>
    isKind(value) &&
    (value as number) >= (minimum ?? -Infinity) &&
    (value as number) <= (maximum ?? Infinity);
  return field(
    options,
    {
      type,
      ...(minimum === undefined ? {} : { minimum }),
      ...(maximum === undefined ? {} : { maximum }),
      ...(unit === undefined ? {} : { 'x-unit': unit }),
    },
    isRight,
    () => [
      kind(),
      ...(minimum === undefined ? [] : [Min(minimum, { message: `must be at least ${minimum}` })]),
      ...(maximum === undefined ? [] : [Max(maximum, { message: `must be at most ${maximum}` })]),
    ],
  );
}

/** Declares a boolean. */
export function Flag(options: FieldOptions): PropertyDecorator {
  return field(
    options,
    { type: 'boolean' },
    (value) => typeof value === 'boolean',
    () => [IsBoolean({ message: 'must be true or false' })],
  );
}

/** Declares one word of a list. */
export function Choice(words: readonly string[], options: FieldOptions): PropertyDecorator {
  return field(
    options,
    { type: 'string', enum: [...words] },
    (value) => words.includes(value as string),
    () => [IsIn(words, { message: `must be one of ${words.join(', ')}` })],
  );
}

/** Declares an object with fields of its own; `check` looks at its contents. */
export function Nested(cls: () => Type<object>, options: FieldOptions): PropertyDecorator {
  return field(options, {}, isObject, () => [IsObject({ message: 'must be an object' })], cls);
}

/** Declares a list of objects with fields of their own; `check` looks at the items and their contents. */
export function ListOf(
  cls: () => Type<object>,
  options: FieldOptions & { maxItems?: number },
): PropertyDecorator {
  const { maxItems = 1_000 } = options;
  const isRight = (value: unknown) => Array.isArray(value);
  const validators = () => [IsArray({ message: 'must be a list' })];
  return field(options, { maxItems }, isRight, validators, cls, maxItems);
}

/** Declares a list of texts. */
export function TextList(options: FieldOptions & { maxItems?: number; secret?: boolean }): PropertyDecorator {
  const { maxItems = 1_000, secret } = options;
  const schema = {
    type: 'array',
    items: { type: 'string' },
    maxItems,
    ...(secret ? { writeOnly: true } : {}),
  };
  return judged(options, schema, 'texts', (value) => {
    if (secret && isObject(value) && secretProblem(value) === undefined) return undefined;
    if (!Array.isArray(value)) return 'must be a list of texts';
    if (value.length > maxItems) return `must have at most ${maxItems} entries`;
    const index = value.findIndex((item) => typeof item !== 'string' || item === '');
    if (index < 0) return undefined;
    return inside(index, value[index] === '' ? 'must not be empty' : 'must be a text');
  });
}

const MAX_ENTRIES = 200;
const MAX_ENTRY_LENGTH = 10_000;

/** Declares an object whose values are texts, such as labels, headers or attributes. */
export function TextMap(
  options: FieldOptions & { secret?: boolean; template?: TemplateMode; keys?: RegExp },
): PropertyDecorator {
  const { secret, template, keys } = options;
  const schema: JsonSchema = {
    type: 'object',
    maxProperties: MAX_ENTRIES,
    additionalProperties: { type: 'string' },
  };
  if (template) schema['x-template'] = template;
  if (secret) schema.writeOnly = true;
  return judged(options, schema, 'textMap', (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return 'must be an object of texts';
    if (secret && (isReference(value) || isKept(value))) return secretProblem(value);
    const entries = Object.entries(value);
    if (entries.length > MAX_ENTRIES) return `must have at most ${MAX_ENTRIES} entries`;
    for (const [key, text] of entries) {
      if (key.length > MAX_ENTRY_LENGTH) return `has a name of more than ${MAX_ENTRY_LENGTH} characters`;
      if (keys && !keys.test(key)) return inside(key, 'is a bad name');
      const isText =
        typeof text === 'string' ||
        (template !== undefined && typeof text === 'number') ||
        (secret === true && isReference(text) && secretProblem(text) === undefined);
      if (!isText) return inside(key, 'must be a text');
      if (typeof text !== 'string') continue;
      if (text.length > MAX_ENTRY_LENGTH)
        return inside(key, `must have at most ${MAX_ENTRY_LENGTH} characters`);
      const problem = template && templateTrouble(text, template, secret);
      if (problem) return inside(key, problem);
    }
    return undefined;
  });
}

/**
 * Declares a value of any shape, which the code that takes it checks. If the schema says `object`, it is certain to be
 * one.
 */
export function Any(
  options: FieldOptions,
  schema: JsonSchema = {},
  check?: (value: unknown) => Problem,
): PropertyDecorator {
  return judged(options, schema, 'shape', (value) =>
    schema.type === 'object' && !isObject(value) ? 'must be an object' : check?.(value),
  );
}

/** What is wrong with a value, as a sentence; or with something inside of it, with its place. */
export type Problem = string | FieldError | undefined;

/** Returns a problem of the entry of this name, or index. */
export const inside = (name: string | number, detail: string): FieldError => ({
  pointer: step(name),
  detail,
});

const detailOf = (problem: Problem): string | undefined =>
  typeof problem === 'object' ? problem.detail : problem;

/** Declares a field with one rule: a function that returns the problem. */
function judged(
  options: FieldOptions,
  schema: JsonSchema,
  name: string,
  problem: (value: unknown) => Problem,
): PropertyDecorator {
  const problemIn = (value: unknown) => {
    const found = problem(value);
    return typeof found === 'object' ? found : undefined;
  };
  return field(
    options,
    schema,
    (value) => problem(value) === undefined,
    () => [problemOf(name, (value) => detailOf(problem(value)))],
    undefined,
    undefined,
    problemIn,
  );
}

/** Returns a class-validator rule made of a function that returns the problem as a sentence. */
function problemOf(name: string, problem: (value: unknown) => string | undefined): PropertyDecorator {
  return ValidateBy({
    name,
    validator: {
      validate: (value) => problem(value) === undefined,
      defaultMessage: (args) => problem(args?.value) ?? 'is wrong',
    },
  });
}

/** Returns the JSON Schema (2020-12) of a class of fields, complete enough to draw a form from. */
export function jsonSchemaOf(cls: Type<object>): JsonSchema {
  const defaults = new cls() as Record<string, unknown>;
  const properties: JsonSchema = {};
  const required: string[] = [];
  for (const { name, options, schema, nested, list, maxItems } of fieldsOf(cls)) {
    const shape = nested ? jsonSchemaOf(nested()) : schema;
    const isRequired = options.optional !== true && defaults[name] === undefined;
    if (isRequired) required.push(name);
    properties[name] = {
      ...(list ? { type: 'array', items: shape, maxItems } : shape),
      description: options.description,
      ...(defaults[name] === undefined ? {} : { default: defaults[name] }),
      ...(options.example === undefined ? {} : { examples: [options.example] }),
    };
  }
  return { type: 'object', properties, required, additionalProperties: false };
}
