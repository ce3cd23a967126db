/** Reader of answers of the SOAP API of CloudForms 3.0. See `soap.ts`. */
import { XMLParser } from 'fast-xml-parser';
import { lazily } from '../../common/lazily';

/** Node of an answer: a text, or an element with its attributes (`@type`, `@nil`) and children. */
export type SoapNode = string | { [name: string]: SoapNode | SoapNode[] | undefined };

const parser = lazily(
  () =>
    new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: '@',
      removeNSPrefix: true,
      parseTagValue: false,
      parseAttributeValue: false,
      // Characters by number (&#13;) count among these.
      htmlEntities: true,
      isArray: (name) => name === 'item',
    }),
);

/** Answer to an operation: its result, or a fault. */
export interface SoapAnswer<R = SoapNode> {
  fault?: { text: string; kind: string };
  /** Part `return` of the answer; undefined when it is no answer to the operation. */
  result?: R;
}

/**
 * Reads an answer. A body that is no XML, or is cut off, has neither fault nor result: the parser refuses what is not
 * well formed.
 */
export function answerIn(body: Uint8Array, operation: string): SoapAnswer {
  const content = bodyIn(body);
  const fault = childOf(content, 'Fault');
  if (fault !== undefined) {
    const text = textOf(fault, 'faultstring') ?? 'a fault without a text';
    return { fault: { text, kind: textOf(childOf(fault, 'detail'), 'excn_type_name') ?? '' } };
  }
  const response = childOf(content, `${operation}Response`);
  return response === undefined ? {} : { result: childOf(response, 'return') ?? '' };
}

function bodyIn(body: Uint8Array): SoapNode | undefined {
  try {
    const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString();
    return childOf(childOf(parser().parse(text, true) as SoapNode, 'Envelope'), 'Body');
  } catch {
    return undefined;
  }
}

/** Returns the element of that name, when there is one and it is not nil. */
export function childOf(node: SoapNode | undefined, name: string): SoapNode | undefined {
  if (node === undefined || typeof node === 'string' || !Object.hasOwn(node, name)) return undefined;
  const child = node[name];
  const one = Array.isArray(child) ? child[0] : child;
  return isNil(one) ? undefined : one;
}

/** Tells whether the element is there and says that it has no value. */
export const isNilIn = (node: SoapNode, name: string): boolean =>
  typeof node !== 'string' && isNil(node[name] as SoapNode | undefined);

/** Returns the elements of an array. */
export function itemsOf(node: SoapNode): SoapNode[] {
  const items = typeof node === 'string' ? undefined : node.item;
  return Array.isArray(items) ? items : [];
}

/** Returns the text of an element, or of a child of it, when one is named. Undefined when it is absent or nil. */
export function textOf(node: SoapNode | undefined, name?: string): string | undefined {
  const element = name === undefined ? node : childOf(node, name);
  if (element === undefined || typeof element === 'string') return element;
  return typeof element['#text'] === 'string' ? element['#text'] : '';
}

const isNil = (node: SoapNode | undefined): boolean =>
  typeof node === 'object' && (node['@nil'] === 'true' || node['@nil'] === '1');
