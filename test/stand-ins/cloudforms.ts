/**
 * CloudForms 3.0 as its SOAP API shows it, and ManageIQ as its REST API does, over the same machines and requests.
 * Strict: no answer without the header SOAPAction, no value without `xsi:type`, faults inside 200.
 *
 * A request passes pending -> active -> finished, one step each time `tick` is called, once it is approved. Of the SOAP
 * API: EVMPing, VmProvisionRequest, EVMProvisionRequestEx, GetVmProvisionRequest, CreateAutomationRequest,
 * GetAutomationRequest, GetVmsByTag. Of REST: provision_requests, vms (by_tag, request_retire), tasks.
 *
 * For people: `POST /_ctl/approve/<id>`, `/_ctl/deny/<id>`, `/_ctl/tick`; `/_ctl/next` with a trouble as JSON, such as
 * `{"dropAfter": true}`; `/_ctl/fails` with the message that requests end in error with; `GET /_ctl/state`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { XMLParser } from 'fast-xml-parser';
import { bodyOf, HttpStandIn } from './http-stand-in';

const PATH = '/vmdbws/api';
const XSI = 'http://www.w3.org/2001/XMLSchema-instance';
const XSD = 'http://www.w3.org/2001/XMLSchema';
const PAGE_AT_MOST = 100;

type Texts = Record<string, string>;
type Json = Record<string, unknown>;

export interface StandInVm {
  id: string;
  name: string;
  tags: string[];
  powerState: string;
  retired: boolean;
  /** Null: it is archived. */
  emsId: string | null;
  addresses: string[];
}

export interface StandInRequest {
  id: string;
  kind: 'provision' | 'automation';
  approval: 'pending_approval' | 'approved' | 'denied';
  state: 'pending' | 'active' | 'finished';
  status: string;
  message: string;
  /** What was asked for, its fields read. */
  fields: Record<string, Texts>;
}

/** How a request is misbehaved to. */
export interface CloudFormsTrouble {
  /** Waits before anything else. */
  latencyMs?: number;
  /** Answered instead of working, with `raw`. */
  status?: number;
  raw?: string;
  headers?: Texts;
  /** SOAP: sent as a fault of that type instead of working. REST: as an error of 500. */
  fault?: string;
  faultType?: string;
  /** It is done, then the connection cut. */
  dropAfter?: boolean;
  /** It is done, and no answer comes. */
  hangAfter?: boolean;
}

class Fault extends Error {
  constructor(
    message: string,
    readonly type = 'RuntimeError',
  ) {
    super(message);
  }
}

/** A refusal of the REST API. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

/** What is answered to a message that is none. */
class Malformed extends Error {}

interface Answer {
  status?: number;
  type: string;
  text: string;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: false,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  htmlEntities: true,
});

export class CloudFormsStandIn extends HttpStandIn {
  readonly vms: StandInVm[] = [];
  readonly requests: StandInRequest[] = [];
  readonly templates = [{ name: 'rhel6', guid: 't-guid-1', ems_guid: 'e-guid-1' }];
  readonly users = ['admin', 'monscale'];
  /** One for each HTTP request to come; those after behave well. */
  readonly next: CloudFormsTrouble[] = [];
  /** Every operation or REST call that was worked on, by its name. */
  readonly calls: string[] = [];
  /** The body of the last request that came. */
  lastBody = '';
  /** Operations and REST actions that this version does not have. */
  readonly without = new Set<string>();
  /** With a text, requests end in error, and it is their message. */
  failsWith: string | undefined;
  private lastId = 0;

  constructor(
    readonly username = 'monscale',
    readonly password = 'secret',
  ) {
    super();
  }

  clear(): void {
    this.vms.length = 0;
    this.requests.length = 0;
    this.next.length = 0;
    this.calls.length = 0;
    this.without.clear();
    this.failsWith = undefined;
  }

  addVm(name: string, tag: string, also: Partial<StandInVm> = {}): StandInVm {
    const id = this.newId();
    const living = { powerState: 'on', retired: false, emsId: '1', addresses: [`10.0.0.${id}`] };
    const vm = { id, name, tags: [tag], ...living, ...also };
    this.vms.push(vm);
    return vm;
  }

  approve(id: string): void {
    const request = this.request(id);
    if (request.approval === 'pending_approval') request.approval = 'approved';
  }

  deny(id: string, message = 'Denied by a person'): void {
    Object.assign(this.request(id), { approval: 'denied', state: 'finished', status: 'Denied', message });
  }

  /** One step for each approved request. */
  tick(): void {
    for (const request of this.requests) {
      if (request.approval !== 'approved' || request.state === 'finished') continue;
      if (request.state === 'pending') Object.assign(request, { state: 'active', message: 'In Process' });
      else this.finish(request);
    }
  }

  private finish(request: StandInRequest): void {
    request.state = 'finished';
    request.status = this.failsWith === undefined ? 'Ok' : 'Error';
    request.message = this.failsWith ?? 'Task complete';
    if (request.status !== 'Ok') return;
    const { vmFields = {}, tags = {}, parameters = {} } = request.fields;
    if (request.kind === 'automation') {
      const vm = this.vms.find(({ id }) => id === parameters.vmid);
      if (vm && parameters.request_type === 'vm_retired') vm.retired = true;
      return;
    }
    for (let number = 1; number <= Number(vmFields.number_of_vms ?? 1); number++) {
      const vm = this.addVm(`${vmFields.vm_name}-${request.id}-${number}`, '');
      vm.tags = Object.entries(tags).map(([category, entry]) => `${category}/${entry}`);
    }
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await bodyOf(request)).toString();
    const url = new URL(request.url ?? '/', 'http://stand-in');
    if (url.pathname.startsWith('/_ctl/')) return this.control(url.pathname, body, response);
    this.lastBody = body;
    const trouble = this.next.shift() ?? {};
    if (trouble.latencyMs) await new Promise((resolve) => setTimeout(resolve, trouble.latencyMs).unref());
    if (request.socket.destroyed) return;
    const isSoap = url.pathname.startsWith('/vmdbws/');
    const {
      status = 200,
      type,
      text,
    } = trouble.status === undefined && trouble.raw === undefined
      ? this.worked(request, url, isSoap, trouble)
      : { status: trouble.status, type: 'text/html', text: trouble.raw ?? '' };
    if (trouble.dropAfter) return void request.socket.destroy();
    if (trouble.hangAfter) return;
    const challenge = status === 401 && isSoap ? { 'www-authenticate': 'Basic realm="Application"' } : {};
    response.writeHead(status, { 'content-type': type, ...challenge, ...trouble.headers }).end(text);
  }

  private control(path: string, body: string, response: ServerResponse): void {
    const [, , word, id = ''] = path.split('/');
    try {
      if (word === 'approve') this.approve(id);
      else if (word === 'deny') this.deny(id);
      else if (word === 'tick') this.tick();
      else if (word === 'next') this.next.push(JSON.parse(body) as CloudFormsTrouble);
      else if (word === 'fails') this.failsWith = body || undefined;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify({ vms: this.vms, requests: this.requests }, undefined, 2)}\n`);
    } catch (error) {
      response.writeHead(400).end(`${(error as Error).message}\n`);
    }
  }

  private worked(request: IncomingMessage, url: URL, isSoap: boolean, trouble: CloudFormsTrouble): Answer {
    const isUs =
      request.headers.authorization ===
      `Basic ${Buffer.from(`${this.username}:${this.password}`).toString('base64')}`;
    try {
      if (isSoap) {
        if (!isUs) return { status: 401, type: 'text/html', text: 'HTTP Basic: Access denied.\n' };
        return this.soap(request, url, trouble);
      }
      if (!isUs) throw new Refusal(401, 'unauthorized', 'Api::AuthenticationError');
      if (trouble.fault !== undefined) throw new Fault(trouble.fault, trouble.faultType);
      return { type: 'application/json', text: JSON.stringify(this.rest(request, url)) };
    } catch (error) {
      if (error instanceof Malformed) {
        const text = `Internal protocol error: ${error.message}\nBacktrace:\nprotocol/soap_protocol.rb:1\n`;
        return { status: 500, type: 'text/html', text };
      }
      if (error instanceof Refusal) return restError(error.status, error.kind, error.message);
      if (!(error instanceof Fault)) throw error;
      return isSoap ? faultXml(error) : restError(500, 'internal_server_error', error.message);
    }
  }

  // ---- SOAP

  private soap({ method, headers }: IncomingMessage, url: URL, trouble: CloudFormsTrouble): Answer {
    if (url.pathname !== PATH) return { status: 404, type: 'text/html', text: 'no such route' };
    if (method !== 'POST') return { status: 500, type: 'text/html', text: `${method} not supported` };
    if (headers.soapaction === undefined || !/^text\/xml/.test(headers['content-type'] ?? ''))
      throw new Malformed('Malformed SOAP or XML-RPC protocol message');
    const { operation, parts } = callIn(this.lastBody);
    if (trouble.fault !== undefined) throw new Fault(trouble.fault, trouble.faultType);
    if (this.without.has(operation))
      throw new Fault(
        `no such method '${operation}' on API VmdbwsApi`,
        'ActionWebService::ActionWebServiceError',
      );
    this.calls.push(operation);
    const returned = this.operate(operation, parts);
    return { type: 'text/xml; charset=UTF-8', text: replyXml(operation, returned) };
  }

  private operate(operation: string, parts: Record<string, string | Texts>): string {
    const text = (name: string): string => {
      const part = parts[name] ?? '';
      if (typeof part !== 'string') throw new Fault(`cannot cast ${name} to String`, 'TypeError');
      return part;
    };
    const fields = (name: string, of = text(name)): Texts => fieldsIn(of);
    switch (operation) {
      case 'EVMPing':
        return '<return xsi:type="xsd:boolean">true</return>';
      case 'VmProvisionRequest': {
        const { options = {} } = parts;
        if (typeof options === 'string')
          throw new Fault('cannot cast options to ProvisionOptions', 'TypeError');
        const additionalValues = fieldsIn(options.values ?? '');
        return requestXml(this.provision({ ...fieldsOf(fields), additionalValues }));
      }
      case 'EVMProvisionRequestEx':
        this.provision({ ...fieldsOf(fields), additionalValues: fields('additionalValues') });
        return '<return xsi:type="xsd:boolean">true</return>';
      case 'GetVmProvisionRequest':
        return requestXml(this.request(text('requestId'), 'provision'));
      case 'GetAutomationRequest':
        return requestXml(this.request(text('requestId'), 'automation'));
      case 'CreateAutomationRequest': {
        const asked = { uriParts: fields('uri_parts'), parameters: fields('parameters') };
        const request = this.add('automation', { ...asked, requester: fields('requester') });
        return `<return xsi:type="xsd:string">${request.id}</return>`;
      }
      case 'GetVmsByTag':
        return vmsXml(this.tagged(text('tag').split(' ')));
      default:
        throw new Fault(
          `no such method '${operation}' on API VmdbwsApi`,
          'ActionWebService::ActionWebServiceError',
        );
    }
  }

  // ---- REST

  private rest({ method }: IncomingMessage, { pathname, searchParams }: URL): Json {
    const [, api, collection = '', id] = pathname.split('/');
    const body = method === 'POST' ? jsonIn(this.lastBody) : {};
    this.calls.push(`${method} ${pathname}`);
    if (api !== 'api') throw new Refusal(404, 'not_found', 'no such route');
    if (collection === 'provision_requests' && method === 'POST' && id === undefined) {
      if ('id' in body || 'href' in body)
        throw new Refusal(400, 'bad_request', 'Resource id or href should not be specified');
      const fields = {
        templateFields: textsIn(body.template_fields),
        vmFields: textsIn(body.vm_fields),
        requester: textsIn(body.requester),
        tags: textsIn(body.tags),
        additionalValues: textsIn(body.additional_values),
      };
      return { results: [requestJson(this.provision(fields))] };
    }
    if (collection.endsWith('_requests') && method === 'GET') {
      const kind = collection === 'provision_requests' ? 'provision' : 'automation';
      const found = this.requests.filter((request) => request.kind === kind && id === (id && request.id));
      if (id !== undefined && found[0] === undefined)
        throw new Refusal(404, 'not_found', `Couldn't find MiqRequest with 'id'=${id}`);
      if (id !== undefined) return requestJson(found[0]!);
      return listed(collection, searchParams, found.map(requestJson));
    }
    if (collection === 'vms' && method === 'GET') {
      if (id !== undefined) return vmJson(this.vm(id));
      const tags = (searchParams.get('by_tag') ?? '').split(',').map((tag) => tag.replace(/^\//, ''));
      return listed(collection, searchParams, this.tagged(tags).map(vmJson));
    }
    if (collection === 'vms' && method === 'POST' && id !== undefined) return this.actOnVm(id, body.action);
    if (collection === 'tasks' && method === 'GET') {
      if (this.failsWith !== undefined)
        return { id, state: 'Finished', status: 'Error', message: this.failsWith };
      return { id, state: 'Finished', status: 'Ok', message: 'Task completed successfully' };
    }
    throw new Refusal(404, 'not_found', `Couldn't find ${collection}`);
  }

  /** A retirement over REST needs nobody's approval; `tick` ends it. */
  private actOnVm(id: string, action: unknown): Json {
    const word = String(action);
    if (!['request_retire', 'retire'].includes(word) || this.without.has(word))
      throw new Refusal(400, 'bad_request', `Unsupported Action ${word} for the vms resource specified`);
    const vm = this.vm(id);
    const request = this.add('automation', {
      parameters: { vmid: id, request_type: 'vm_retired' },
      requester: { auto_approve: 'true' },
    });
    const message = `Retiring immediately Vm id: ${id} name: '${vm.name}'`;
    return { success: true, message, href: `/api/vms/${id}`, task_id: request.id };
  }

  // ---- what both work on

  private provision(fields: Record<string, Texts>): StandInRequest {
    const { templateFields = {}, vmFields = {}, requester = {} } = fields;
    const wanted = Object.entries(templateFields).filter(([key]) => key !== 'request_type');
    const fitting = this.templates.filter((template) =>
      wanted.every(([key, value]) => (template as Texts)[key]?.toLowerCase() === value.toLowerCase()),
    );
    const shown = JSON.stringify(templateFields);
    if (wanted.length === 0 || fitting.length === 0)
      throw new Fault(`No source template was found from input data:<${shown}>`);
    if (fitting.length > 1) throw new Fault(`Multiple source template were found from input data:<${shown}>`);
    const missing = [
      ['owner_email', 'Request/E-Mail', requester],
      ['owner_first_name', 'Request/First Name', requester],
      ['owner_last_name', 'Request/Last Name', requester],
      ['vm_name', 'Catalog/VM Name', vmFields],
      ['vlan', 'Network/vLan', vmFields],
    ].filter(([key, , of]) => !(of as Texts)[key as string]);
    if (missing.length > 0) {
      const reasons = missing.map(([, name]) => `'${name as string}' is required`).join('\n');
      throw new Fault(`Provision failed for the following reasons:\n${reasons}`);
    }
    return this.add('provision', fields);
  }

  private add(kind: StandInRequest['kind'], fields: Record<string, Texts>): StandInRequest {
    const { user_name: user, auto_approve: autoApprove } = fields.requester ?? {};
    if (user !== undefined && !this.users.includes(user))
      throw new Fault("undefined method `userid' for nil:NilClass", 'NoMethodError');
    const approval = autoApprove === 'true' ? 'approved' : 'pending_approval';
    const message =
      kind === 'provision' ? 'VM Provisioning - Request Created' : 'Automation - Request Created';
    const id = this.newId();
    const request: StandInRequest = { id, kind, approval, state: 'pending', status: 'Ok', message, fields };
    this.requests.push(request);
    return request;
  }

  private request(id: string, kind?: StandInRequest['kind']): StandInRequest {
    const found = this.requests.find(
      (request) => request.id === id && (kind ?? request.kind) === request.kind,
    );
    const type = kind === 'automation' ? 'AutomationRequest' : 'MiqRequest';
    if (found === undefined) throw new Fault(`${type} with ID=<${id} (String)> was not found`);
    return found;
  }

  private vm(id: string): StandInVm {
    const vm = this.vms.find((known) => known.id === id);
    if (vm === undefined) throw new Refusal(404, 'not_found', `Couldn't find Vm with 'id'=${id}`);
    return vm;
  }

  private tagged(tags: string[]): StandInVm[] {
    return this.vms.filter((vm) => tags.every((tag) => vm.tags.includes(tag)));
  }

  private newId = (): string => String(++this.lastId);
}

const FIELDS = ['templateFields', 'vmFields', 'requester', 'tags'];

const fieldsOf = (read: (name: string) => Texts): Record<string, Texts> =>
  Object.fromEntries(FIELDS.map((name) => [name, read(name)]));

/** `key=value|key=value`: blank parts and those without `=` count for nothing, keys become small. */
function fieldsIn(text: string): Texts {
  const parts = text.split('|').filter((part) => part.includes('='));
  return Object.fromEntries(
    parts.map((part) => {
      const at = part.indexOf('=');
      return [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()];
    }),
  );
}

function callIn(xml: string): { operation: string; parts: Record<string, string | Texts> } {
  let document: Json;
  try {
    document = parser.parse(xml, true) as Json;
  } catch (error) {
    throw new Malformed((error as Error).message);
  }
  const envelope = childNamed(document, 'Envelope');
  const body = childNamed(envelope, 'Body');
  const [name, call] = childrenOf(body)[0] ?? [];
  if (name === undefined) throw new Malformed('Malformed SOAP or XML-RPC protocol message');
  const declared = Object.entries(Object(envelope) as Texts);
  for (const [prefix, uri] of [
    ['xsi', XSI],
    ['xsd', XSD],
  ])
    // prettier-ignore
    if (!declared.some(([key, value]) => key === `@xmlns:${prefix}` && value === uri))
      throw new Malformed(`the prefix ${prefix} is not declared`);
  const parts = childrenOf(call).map(([part, node]) => [part, partIn(part, node)] as const);
  return { operation: name, parts: Object.fromEntries(parts) };
}

/** The real one takes an untyped value that is empty for garbage, and fails to cast an untyped struct. */
function partIn(name: string, node: unknown): string | Texts {
  const { '@xsi:type': type, '#text': text = '' } = Object(node) as Texts;
  if (type === undefined) throw new Fault(`cannot cast #<SOAP::Mapping::Object:0x00> (${name})`, 'TypeError');
  if (type === 'xsd:string') return text;
  return Object.fromEntries(
    childrenOf(node).map(([member, child]) => [member, partIn(`${name}.${member}`, child) as string]),
  );
}

const childrenOf = (node: unknown): [string, unknown][] =>
  Object.entries(Object(node) as Json)
    .filter(([name]) => !name.startsWith('@') && !name.startsWith('#') && !name.startsWith('?'))
    .map(([name, child]) => [name.replace(/^.*:/, ''), child]);

const childNamed = (node: unknown, name: string): unknown =>
  childrenOf(node).find(([known]) => known === name)?.[1];

// ---- what SOAP answers, in the shapes of actionwebservice

const envelope = (body: string): string =>
  `<?xml version="1.0" encoding="utf-8" ?>\n<env:Envelope xmlns:xsi="${XSI}" xmlns:xsd="${XSD}" xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>${body}</env:Body></env:Envelope>`;

const ENCODED = 'env:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"';

const replyXml = (operation: string, returned: string): string =>
  envelope(
    `<n1:${operation}Response ${ENCODED} xmlns:n1="urn:ActionWebService">${returned}</n1:${operation}Response>`,
  );

function faultXml({ message, type }: Fault): Answer {
  const detail = `<detail xmlns:n2="http://www.ruby-lang.org/xmlns/ruby/type/custom" xsi:type="n2:SOAPException"><excn_type_name xsi:type="xsd:string">${escaped(type)}</excn_type_name><cause><message xsi:type="xsd:string">${escaped(message)}</message></cause></detail>`;
  const fault = `<env:Fault ${ENCODED}><faultcode xsi:type="xsd:QName">env:Server</faultcode><faultstring xsi:type="xsd:string">${escaped(message)}</faultstring><faultactor xsi:type="xsd:string">ActionWebService::Protocol::Soap::SoapProtocol</faultactor>${detail}</env:Fault>`;
  return { type: 'text/xml; charset=UTF-8', text: envelope(fault) };
}

const typed = (name: string, text: string): string =>
  `<${name} xsi:type="xsd:string">${escaped(text)}</${name}>`;
const nil = (name: string): string => `<${name} xsi:nil="true"></${name}>`;

function requestXml({ id, kind, approval, state, status, message }: StandInRequest): string {
  const type = kind === 'provision' ? 'ProxyMiqProvisionRequest' : 'ProxyAutomationRequest';
  const members = [
    typed('id', id),
    typed('description', 'Provision from [rhel6]'),
    typed('approval_state', approval),
    typed('request_state', state),
    typed('status', status),
    typed('message', message),
    nil('fulfilled_on'),
  ];
  return `<return xsi:type="n1:VmdbwsSupport..${type}">${members.join('')}</return>`;
}

function vmsXml(vms: StandInVm[]): string {
  const items = vms.map((vm) => {
    const members = [
      typed('id', vm.id),
      typed('name', vm.name),
      typed('power_state', vm.powerState),
      vm.retired ? '<retired xsi:type="xsd:boolean">true</retired>' : nil('retired'),
      nil('retires_on'),
      '<memory_limit xsi:type="xsd:double">+1024</memory_limit>',
      vm.emsId === null ? nil('ems_id') : typed('ems_id', vm.emsId),
      addressesXml(vm.addresses),
    ];
    return `<item>${members.join('')}</item>`;
  });
  return `<return xmlns:n2="http://schemas.xmlsoap.org/soap/encoding/" n2:arrayType="n1:VmdbwsSupport..ProxyVm[${vms.length}]" xsi:type="n2:Array">${items.join('')}</return>`;
}

function addressesXml(addresses: string[]): string {
  const items = addresses.map((address) => `<item>${address}</item>`).join('');
  return `<ipaddresses n2:arrayType="xsd:string[${addresses.length}]" xsi:type="n2:Array">${items}</ipaddresses>`;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

// ---- what REST takes and answers

function restError(status: number, kind: string, message: string): Answer {
  const error = { kind, message, klass: 'Api::Error' };
  return { status, type: 'application/json', text: JSON.stringify({ error }) };
}

function jsonIn(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new Refusal(400, 'bad_request', 'unexpected token');
  }
}

function textsIn(value: unknown): Texts {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal(400, 'bad_request', 'must be an object');
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)]));
}

/** The server gives smaller pages than it is asked for. */
function listed(name: string, query: URLSearchParams, all: Json[]): Json {
  const sorted = query.get('sort_order') === 'desc' ? [...all].reverse() : all;
  const offset = Number(query.get('offset') ?? 0);
  const limit = Math.min(Number(query.get('limit') ?? PAGE_AT_MOST), PAGE_AT_MOST);
  const page = sorted.slice(offset, offset + limit);
  const resources =
    query.get('expand') === 'resources'
      ? page
      : page.map(({ id }) => ({ href: `/api/${name}/${String(id)}` }));
  return { name, count: all.length, subcount: page.length, resources };
}

const vmJson = ({ id, name, powerState, retired, emsId, addresses }: StandInVm): Json => ({
  href: `/api/vms/${id}`,
  id,
  name,
  power_state: powerState,
  retired: retired || null,
  ems_id: emsId,
  ipaddresses: addresses,
});

const requestJson = ({ id, kind, approval, state, status, message, fields }: StandInRequest): Json => ({
  href: `/api/${kind}_requests/${id}`,
  id,
  approval_state: approval,
  request_state: state,
  status,
  message,
  options: { ws_values: fields.additionalValues ?? {} },
});
