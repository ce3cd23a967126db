/** Params that both CloudForms actions share, and the grammar of its fields. */
import { step } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Choice, Nested, Text, TextMap } from '../../common/fields';
import { APIS, usernameProblem, type Api, type CloudFormsAccess } from '../../targets/cloudforms/target';
import { ORIGIN } from '../../targets/http/origin';
import { TlsParams } from '../../targets/http/params';
import { Permanent } from '../action';

export type Texts = Record<string, string>;

/** Key of `key=value|key=value`, without blanks around it: CloudForms trims keys. */
export const KEY = /^[^\s=|](?:[^=|]*[^\s=|])?$/;
/** Characters that no XML 1.0 document can hold (W3C, Extensible Markup Language 1.0, 2.2). */
const NO_XML = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

export class CloudFormsParams implements CloudFormsAccess {
  @Text({
    directs: 'origin',
    description: 'Where CloudForms answers',
    template: 'url',
    ...ORIGIN,
    example: 'https://cloudforms.example.com',
  })
  url: string;

  @Text({
    description: 'User',
    template: 'text',
    minLength: 1,
    check: usernameProblem,
    example: 'monscale',
  })
  username: string;

  @Text({ directs: 'nothing', description: 'Password of the user', secret: true, minLength: 1 })
  password: string;

  @Choice(APIS, {
    directs: 'nothing',
    description: 'SOAP for CloudForms 3.0; REST for later versions and ManageIQ',
  })
  api: Api = 'soap';

  @TextMap({
    directs: 'nothing',
    description:
      'Who asks: user_name, auto_approve ("true"), owner_email, owner_first_name, owner_last_name, …',
    template: 'text',
    keys: KEY,
    optional: true,
    example: { auto_approve: 'true', owner_email: 'ops@example.com' },
  })
  requester?: Texts;

  @Nested(() => TlsParams, { description: 'TLS to CloudForms', optional: true })
  tls?: TlsParams;
}

/**
 * Returns what is wrong with a field, as far as can be told when it is saved: its keys, and values without templates.
 */
export function fieldProblems(field: string, texts: Texts | undefined, api: Api): FieldError[] {
  const keys = Object.keys(texts ?? {});
  return Object.entries(texts ?? {}).flatMap(([key, value], index) => {
    const pointer = `/${field}${step(key)}`;
    const small = key.toLowerCase();
    if (keys.findIndex((other) => other.toLowerCase() === small) < index)
      return [{ pointer, detail: 'is there twice: CloudForms does not tell capitals from small letters' }];
    const isTemplate = /\{[{%]/.test(String(value));
    const detail = api === 'rest' || isTemplate ? undefined : valueProblem(String(value));
    return detail === undefined ? [] : [{ pointer, detail }];
  });
}

/**
 * Returns `key=value|key=value`, the form of fields in the SOAP API. It has no escape: characters that would end a
 * value are refused. A value may hold `=`, since the first one separates.
 *
 * Source: ManageIQ `miq_request_workflow.rb`, parse_ws_string.
 *
 * @throws Permanent naming the field and its key
 */
export function pipedText(field: string, texts: Texts = {}): string {
  const parts = Object.entries(texts).map(([key, value]) => {
    const problem = valueProblem(String(value));
    if (problem) throw new Permanent(`the request can't be made: ${field}.${key} ${problem}`);
    return `${key}=${value}`;
  });
  return parts.join('|');
}

/** Returns the same fields for the REST API, which takes them as JSON. */
export const jsonFields = (texts: Texts = {}): Texts =>
  Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, String(value)]));

function valueProblem(value: string): string | undefined {
  if (value.includes('|')) return 'must not hold |: there CloudForms ends a value';
  return NO_XML.test(value) ? "holds a character that XML can't carry" : undefined;
}
