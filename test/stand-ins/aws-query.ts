/**
 * What stand-ins of AWS services with the query protocol share: signature version 4 is verified, troubles are made,
 * results and errors get their envelope. Sources: AWS IAM User Guide, "Create a signed AWS API request"; Smithy, "AWS
 * query protocol".
 */
import { createHash, createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyOf, HttpStandIn } from './http-stand-in';

const SKEW_MS = 15 * 60_000;

/** How a request is misbehaved to. */
export interface AwsTrouble {
  latencyMs?: number;
  /** Answered instead of doing it. */
  status?: number;
  code?: string;
  /** Answered instead of doing it, as it is, with `status`. */
  raw?: string;
  /** It is done, then the connection cut. */
  dropAfter?: boolean;
  /** It is done, and no answer comes. */
  hangAfter?: boolean;
}

/** A service as its documentation names it. */
interface Api {
  /** In the signature's scope. */
  service: string;
  version: string;
  namespace: string;
}

export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export abstract class AwsQueryStandIn extends HttpStandIn {
  /** One for each request to come; those after behave well. */
  readonly next: AwsTrouble[] = [];
  /** Requests that came, refused ones included. */
  requests = 0;
  /** What the server's clock says, for signatures of another time. */
  now = (): number => Date.now();

  /** @param keys secrets by access key id */
  constructor(
    private readonly api: Api,
    private readonly keys: Record<string, string> = { AKIDEXAMPLE: 'secret' },
  ) {
    super();
  }

  /** @returns what the result holds, as XML @throws Refusal */
  protected abstract carryOut(action: string, form: URLSearchParams, region: string): string;

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    this.requests += 1;
    const trouble = this.next.shift() ?? {};
    if (trouble.latencyMs) await new Promise((resolve) => setTimeout(resolve, trouble.latencyMs).unref());
    const reply = (status: number, text: string): void => {
      response
        .writeHead(status, { 'content-type': 'text/xml', date: new Date(this.now()).toUTCString() })
        .end(text);
    };
    const { version, namespace } = this.api;
    try {
      if (trouble.raw !== undefined) return reply(trouble.status ?? 200, trouble.raw);
      if (trouble.status !== undefined)
        throw new Refusal(trouble.status, trouble.code ?? 'InternalError', 'as it was told');
      const region = this.regionOfSigner(request, body);
      const form = new URLSearchParams(body.toString());
      const action = form.get('Action') ?? '';
      if (form.get('Version') !== version)
        throw new Refusal(400, 'InvalidAction', 'Could not find operation');
      const result = this.carryOut(action, form, region);
      if (trouble.dropAfter) return void request.socket.destroy();
      if (trouble.hangAfter) return;
      const metadata = `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>`;
      const wrapped = result && `<${action}Result>${result}</${action}Result>`;
      reply(200, `<${action}Response xmlns="${namespace}">${wrapped}${metadata}</${action}Response>`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, code, message } = error;
      const type = status < 500 ? 'Sender' : 'Receiver';
      const detail = `<Error><Type>${type}</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`;
      reply(
        status,
        `<ErrorResponse xmlns="${namespace}">${detail}<RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
      );
    }
  }

  /** Verifies signature version 4. @returns the region it was made for */
  private regionOfSigner({ method, url, headers }: IncomingMessage, body: Buffer): string {
    const header = (name: string): string => String(headers[name] ?? '');
    const [, id = '', day, region = '', service, signedHeaders = '', signature = ''] =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
        header('authorization'),
      ) ?? [];
    if (!id) throw new Refusal(403, 'MissingAuthenticationToken', 'Request is missing Authentication Token');
    const secret = this.keys[id];
    if (secret === undefined)
      throw new Refusal(403, 'InvalidClientTokenId', 'The security token included in the request is invalid');
    const at = header('x-amz-date');
    const moment = Date.parse(at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    if (Number.isNaN(moment) || !at.startsWith(day!))
      throw new Refusal(400, 'IncompleteSignature', 'Date must be given');
    if (moment < this.now() - SKEW_MS)
      throw new Refusal(403, 'SignatureDoesNotMatch', `Signature expired: ${at} is now earlier than allowed`);
    if (moment > this.now() + SKEW_MS)
      throw new Refusal(403, 'SignatureDoesNotMatch', `Signature not yet current: ${at} is still later`);
    const names = signedHeaders.split(';');
    const unsigned = ['host', 'x-amz-date'].filter((name) => !names.includes(name));
    if (unsigned.length > 0 || service !== this.api.service)
      throw new Refusal(
        403,
        'SignatureDoesNotMatch',
        `Credential should be scoped to ${this.api.service}, host and date signed`,
      );
    const hash = sha256(body);
    if (headers['x-amz-content-sha256'] !== undefined && header('x-amz-content-sha256') !== hash) {
      throw new Refusal(
        400,
        'XAmzContentSHA256Mismatch',
        'The provided x-amz-content-sha256 does not match the body',
      );
    }
    const canonicalHeaders = names
      .map((name) => `${name}:${header(name).trim().replace(/ +/g, ' ')}\n`)
      .join('');
    const [path, query = ''] = url!.split('?');
    const canonical = [method, path, query, canonicalHeaders, signedHeaders, hash].join('\n');
    const toSign = [
      'AWS4-HMAC-SHA256',
      at,
      `${day}/${region}/${service}/aws4_request`,
      sha256(canonical),
    ].join('\n');
    const key = [day!, region, service, 'aws4_request'].reduce<string | Buffer>(
      (from, part) => createHmac('sha256', from).update(part).digest(),
      `AWS4${secret}`,
    );
    const right = createHmac('sha256', key).update(toSign).digest();
    if (!timingSafeEqual(right, Buffer.from(signature, 'hex'))) {
      throw new Refusal(
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided',
      );
    }
    return region;
  }
}

const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
/** A text inside of XML. */
export const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
