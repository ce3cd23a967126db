/**
 * Shapes of answers, as JSON Schema (2020-12). Each is declared beside the route or the thing that it shows; objects are
 * closed, so that what is answered and not declared is found by the tests, which check every answer.
 */
import type { Type } from '@nestjs/common';
import { applyDecorators } from '@nestjs/common';
import { ApiNoContentResponse, ApiResponse } from '@nestjs/swagger';
import { jsonSchemaOf } from './fields';

export type Shape = Readonly<Record<string, unknown>>;

export const text: Shape = { type: 'string' };
export const uuid: Shape = { type: 'string', format: 'uuid' };
/** RFC 3339. */
export const moment: Shape = { type: 'string', format: 'date-time' };
export const decimal: Shape = { type: 'number' };
export const whole: Shape = { type: 'integer' };
export const flag: Shape = { type: 'boolean' };
/** Whatever JSON it is: what people gave, or another system's words. */
export const anything: Shape = {};
/** An object whose fields depend on a type, a version or what people gave. */
export const someObject: Shape = { type: 'object' };

export const oneOf = (words: readonly string[]): Shape => ({ type: 'string', enum: [...words] });
export const always = (value: unknown): Shape => ({ const: value });
export const list = (items: Shape): Shape => ({ type: 'array', items });
export const mapOf = (values: Shape): Shape => ({ type: 'object', additionalProperties: values });
export const either = (...shapes: Shape[]): Shape => ({ anyOf: shapes });
export const orNull = (shape: Shape): Shape => either(shape, { type: 'null' });
export const labels: Shape = mapOf(text);

/** @param optional fields that may be left out */
export const object = (
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape => ({
  type: 'object',
  properties: { ...required, ...optional },
  required: Object.keys(required),
  additionalProperties: false,
});

const named = new Map<string, () => Shape>();

/** Returns every shape with a name, for the API's description. */
export const namedShapes = (): Record<string, Shape> =>
  Object.fromEntries([...named].map(([name, shape]) => [name, shape()]));

const reference = (name: string): Shape => ({ $ref: `#/components/schemas/${name}` });

/** Gives a shape a name of its own, and returns a reference to it. @throws Error when another has the name */
export function shape(name: string, of: Shape | (() => Shape)): Shape {
  if (named.has(name)) throw new Error(`two shapes are named ${name}`);
  named.set(name, typeof of === 'function' ? of : () => of);
  return reference(name);
}

/** A page of a list. */
export const pageShape = (items: Shape): Shape =>
  object({ items: list(items) }, { nextCursor: text, total: whole, totalAtLeast: whole });

/** What a secret is shown as: that there is one. */
const SECRET: Shape = { properties: { secret: always(true) }, required: ['secret'], type: 'object' };

/** What is shown of a definition beside the fields of its class, and which of those are not. */
export interface Beside {
  required?: Readonly<Record<string, Shape>>;
  optional?: Readonly<Record<string, Shape>>;
  without?: readonly string[];
}

/** Who manages a definition, beside its fields. */
export const MANAGED = {
  managedBy: {
    ...text,
    description:
      'files: the rules directory, and others change it by ?force=true alone; apply:<set>: made by monscale apply; absent: nobody',
  },
};

/** Name of the shape of a definition as it is shown: `Service` for `ServiceDto`. */
export const shownName = (cls: Type<object>): string => cls.name.replace(/Dto$/, '');

/** The shape of a definition that another controller has declared. */
export const shownOf = (cls: Type<object>): Shape => reference(shownName(cls));

/**
 * Returns the shape of a definition as it is shown: the fields of its class, and what is shown beside them. It is read
 * from the class when the description is made.
 */
export function shownAs(name: string, cls: Type<object>, beside: Beside = {}): Shape {
  return shape(name, () => {
    const schema = jsonSchemaOf(cls) as { properties: Record<string, Shape>; required: string[] };
    const { required = {}, optional = {}, without = [] } = beside;
    const own = Object.entries(schema.properties).filter(([field]) => !without.includes(field));
    return {
      type: 'object',
      properties: {
        ...Object.fromEntries(own.map(([field, of]) => [field, shownField(of)])),
        ...VERSIONED,
        ...required,
        ...optional,
      },
      required: [
        ...schema.required.filter((field) => !without.includes(field)),
        ...Object.keys(VERSIONED),
        ...Object.keys(required),
      ],
      additionalProperties: false,
    };
  });
}

/** Fields that every resource has beside its definition. */
const VERSIONED: Readonly<Record<string, Shape>> = {
  id: uuid,
  version: { ...whole, description: 'Also the ETag' },
  createdAt: moment,
  updatedAt: moment,
};

const shownField = (of: Shape): Shape => (of.writeOnly === true ? SECRET : of);

interface AnswerOptions {
  status?: number | '4XX' | '5XX';
  description?: string;
}

/** Declares what a route answers, as JSON. */
export const Answers = (of: Shape, { status = 200, description = '' }: AnswerOptions = {}): MethodDecorator =>
  ApiResponse({ status, description, content: { 'application/json': { schema: of } } });

/** Declares that a route answers without a body. */
export const AnswersNothing = (): MethodDecorator => applyDecorators(ApiNoContentResponse());

/** Declares that a route answers something that is no JSON. */
export const AnswersText = (
  type: string,
  { status = 200, description = '' }: AnswerOptions = {},
): MethodDecorator => ApiResponse({ status, description, content: { [type]: { schema: text } } });

/** Problem (RFC 9457), by which every route tells what went wrong. */
export const PROBLEM = shape(
  'Problem',
  object(
    { type: text, title: text, status: whole, detail: text },
    { errors: list(object({ pointer: text, detail: text })) },
  ),
);
