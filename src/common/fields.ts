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
import { isObject } from './json';
import { isKept, isReference, secretProblem } from './secret-value';
import { templateProblem, type TemplateMode } from './templates';

/**
 * Fields of a DTO or of a mapping's params, declared once: each decorator here gives the validation, the JSON
 * Schema, the OpenAPI property and the row in the docs. A field with an initialiser is optional and has that
 * default.
 */
export interface FieldOptions {
  description: string;
  /** May be left out although it has no default. */
  optional?: boolean;
  example?: unknown;
  /**
   * What of it decides to whom the secrets beside it are given: all of it, unless this says otherwise. `origin`: of a
   * URL its scheme, host and port. `nothing`: it says what is asked or told there. A function: what it picks out.
   */
  directs?: 'origin' | 'nothing' | ((value: unknown) => unknown);
}

export interface TextOptions extends FieldOptions {
  /** Write-only, encrypted at rest; may be given as `{env}` or `{file}`. */
  secret?: boolean;
  /** Of a secret that lets somebody in: asked when it is given; one that is stored may be shorter. */
  charactersAtLeast?: number;
  /** A Liquid template; the mode says where its output lands and so how values are escaped. */
  template?: TemplateMode;
  minLength?: number;
  maxLength?: number;
  pattern?: RegExp;
  /** What is right, when the pattern does not match. */
  patternHint?: string;
  /** Asked of the literal value; the problem as a sentence, or undefined. */
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
  /** The class of a nested object, or of the items of a list. */
  nested?: () => Type<object>;
  list?: boolean;
  /** Of a list of nested objects. */
  maxItems?: number;
  /** Whether a value is certainly right, what is nested in it left aside; of what may be wrong the validator says why. */
  isRight: (value: unknown) => boolean;
}

const FIELDS = Symbol('monscale:fields');

const declared = new Set<Type<object>>();

/** Every class that declares fields. */
export const classesOfFields = (): ReadonlySet<Type<object>> => declared;

/** The declared fields of a class, those of its base classes first. */
export function fieldsOf(cls: Type<object>): Field[] {
  return (Reflect.getMetadata(FIELDS, cls.prototype as object) as Field[] | undefined) ?? [];
}

function field(
  options: FieldOptions & { secret?: boolean; template?: TemplateMode },
  schema: JsonSchema,
  isRight: (value: unknown) => boolean,
  validators: PropertyDecorator[],
  nested?: () => Type<object>,
  maxItems?: number,
): PropertyDecorator {
  return (target, property) => {
    const own = fieldsOf(target.constructor as Type<object>).filter(({ name }) => name !== property);
    const list = maxItems !== undefined;
    const entry: Field = { name: String(property), options, schema, nested, list, maxItems, isRight };
    Reflect.defineMetadata(FIELDS, [...own, entry], target);
    declared.add(target.constructor as Type<object>);
    // Every field is optional for the validator; `check` asks for the required ones, where defaults are known.
    applyDecorators(
      IsOptional(),
      ...validators,
      ApiProperty({ ...schema, description: options.description, required: false }),
    )(target, property);
  };
}

/** A text. */
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
  return field(options, schema, isRight, [
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
    return templateProblem(value, options.template) ?? (isLiteral ? options.check?.(value) : undefined);
  return options.check?.(value);
}

/** A whole number. */
export function Whole(options: NumberOptions): PropertyDecorator {
  return numeric('integer', IsInt({ message: 'must be a whole number' }), options);
}

/** Any finite number. */
export function Decimal(options: NumberOptions): PropertyDecorator {
  const finite = IsNumber({ allowNaN: false, allowInfinity: false }, { message: 'must be a number' });
  return numeric('number', finite, options);
}

function numeric(type: string, kind: PropertyDecorator, options: NumberOptions): PropertyDecorator {
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
    [
      kind,
      ...(minimum === undefined ? [] : [Min(minimum, { message: `must be at least ${minimum}` })]),
      ...(maximum === undefined ? [] : [Max(maximum, { message: `must be at most ${maximum}` })]),
    ],
  );
}

/** True or false. */
export function Flag(options: FieldOptions): PropertyDecorator {
  return field(options, { type: 'boolean' }, (value) => typeof value === 'boolean', [
    IsBoolean({ message: 'must be true or false' }),
  ]);
}

/** One word of a few. */
export function Choice(words: readonly string[], options: FieldOptions): PropertyDecorator {
  return field(options, { type: 'string', enum: [...words] }, (value) => words.includes(value as string), [
    IsIn(words, { message: `must be one of ${words.join(', ')}` }),
  ]);
}

/** An object with declared fields of its own. What is in it, `check` looks at. */
export function Nested(cls: () => Type<object>, options: FieldOptions): PropertyDecorator {
  return field(options, {}, isObject, [IsObject({ message: 'must be an object' })], cls);
}

/** A list of objects with declared fields. What is in them, and that they are objects, `check` looks at. */
export function ListOf(
  cls: () => Type<object>,
  options: FieldOptions & { maxItems?: number },
): PropertyDecorator {
  const { maxItems = 1_000 } = options;
  const isRight = (value: unknown) => Array.isArray(value);
  const validators = [IsArray({ message: 'must be a list' })];
  return field(options, { maxItems }, isRight, validators, cls, maxItems);
}

/** A list of texts. */
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
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string' || item === '')) {
      return 'must be a list of texts';
    }
    return value.length > maxItems ? `must have at most ${maxItems} entries` : undefined;
  });
}

const MAX_ENTRIES = 200;
const MAX_ENTRY_LENGTH = 10_000;

/** An object whose values are texts: labels, headers, attributes. */
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
      const isLong = typeof text === 'string' && text.length > MAX_ENTRY_LENGTH;
      if (key.length > MAX_ENTRY_LENGTH || isLong) {
        return `has an entry of more than ${MAX_ENTRY_LENGTH} characters`;
      }
      if (keys && !keys.test(key)) return `has a bad name: ${JSON.stringify(key)}`;
      const isText =
        typeof text === 'string' ||
        (template !== undefined && typeof text === 'number') ||
        (secret === true && isReference(text) && secretProblem(text) === undefined);
      if (!isText) return `${JSON.stringify(key)} must be a text`;
      const problem = template && typeof text === 'string' ? templateProblem(text, template) : undefined;
      if (problem) return `${JSON.stringify(key)}: ${problem}`;
    }
    return undefined;
  });
}

/** A value of a shape that is checked by the code that takes it; where the schema says that it is an object, it is one. */
export function Any(
  options: FieldOptions,
  schema: JsonSchema = {},
  check?: (value: unknown) => string | undefined,
): PropertyDecorator {
  return judged(options, schema, 'shape', (value) =>
    schema.type === 'object' && !isObject(value) ? 'must be an object' : check?.(value),
  );
}

/** A field with one rule: a function that answers the problem as a sentence. */
function judged(
  options: FieldOptions,
  schema: JsonSchema,
  name: string,
  problem: (value: unknown) => string | undefined,
): PropertyDecorator {
  return field(options, schema, (value) => problem(value) === undefined, [problemOf(name, problem)]);
}

/** A class-validator rule from a function that answers the problem as a sentence. */
function problemOf(name: string, problem: (value: unknown) => string | undefined): PropertyDecorator {
  return ValidateBy({
    name,
    validator: {
      validate: (value) => problem(value) === undefined,
      defaultMessage: (args) => problem(args?.value) ?? 'is wrong',
    },
  });
}

/** JSON Schema (2020-12) of a class of fields, good enough to draw a form from. */
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
