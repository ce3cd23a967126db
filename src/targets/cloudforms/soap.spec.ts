import { WebhookSink } from '../../../test/stand-ins/webhook-sink';
import { Ambiguous, Permanent, Retryable } from '../outcomes';
import { NoSuchOperation, soapCall } from './soap';
import { childOf, isNilIn, itemsOf, textOf, type SoapNode } from './soap-answer';
import { Gone, targetOf, type Purpose } from './target';

const envelope = (body: string): string =>
  `<?xml version="1.0" encoding="utf-8" ?>
<env:Envelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>${body}</env:Body></env:Envelope>`;

const fault = (text: string, type = 'RuntimeError'): string =>
  envelope(`<env:Fault><faultcode>env:Server</faultcode><faultstring xsi:type="xsd:string">${text}</faultstring>
<detail><excn_type_name xsi:type="xsd:string">${type}</excn_type_name></detail></env:Fault>`);

describe('the SOAP of CloudForms', () => {
  const sink = new WebhookSink();
  let url: string;

  beforeAll(async () => {
    url = await sink.start();
  });

  beforeEach(() => sink.clear());

  afterAll(() => sink.stop());

  function call(body: string, purpose: Purpose = 'question'): Promise<SoapNode> {
    sink.next.push({ body });
    const target = targetOf({ url, username: 'DOMAIN\\user', password: 'p' });
    const parts = { a: '', b: 'x & <y>', s: { type: 'T', members: { m: '' } } };
    return soapCall(target, 'Op', parts, purpose, AbortSignal.timeout(5_000));
  }

  const failure = (body: string, purpose?: Purpose): Promise<Error> =>
    call(body, purpose).then(
      () => Promise.reject(new Error('it succeeded')),
      (error: Error) => error,
    );

  it('types every element, empty ones too, and names the operation in the header', async () => {
    await call(envelope('<n1:OpResponse><return/></n1:OpResponse>'));
    const [{ path, headers, body } = { path: '', headers: {}, body: '' }] = sink.requests;
    expect(path).toBe('/vmdbws/api');
    expect(headers).toMatchObject({
      soapaction: '"/vmdbws/api/Op"',
      'content-type': 'text/xml; charset=utf-8',
      authorization: `Basic ${Buffer.from('DOMAIN\\user:p').toString('base64')}`,
    });
    expect(body).toContain('<a xsi:type="xsd:string"></a><b xsi:type="xsd:string">x &amp; &lt;y&gt;</b>');
    expect(body).toContain('<s xsi:type="typens:T"><m xsi:type="xsd:string"></m></s>');
  });

  it('reads texts, nil and arrays of none, one and many', async () => {
    const list = (items: string) =>
      call(envelope(`<n1:OpResponse><return n2:arrayType="n1:T[1]">${items}</return></n1:OpResponse>`));
    expect(itemsOf(await list(''))).toEqual([]);
    const [only] = itemsOf(
      await list('<item><id xsi:type="xsd:string">007</id><n xsi:nil="true"></n></item>'),
    );
    expect(textOf(only, 'id')).toBe('007');
    expect(childOf(only, 'n')).toBeUndefined();
    expect([isNilIn(only!, 'n'), isNilIn(only!, 'none')]).toEqual([true, false]);
    expect(itemsOf(await list('<item>a</item><item>b</item>')).map((item) => textOf(item))).toEqual([
      'a',
      'b',
    ]);
  });

  it('reads characters by name and by number', async () => {
    const answer = await call(
      envelope('<OpResponse><return>&lt;7&gt; &#241;&#x41; &amp;lt;</return></OpResponse>'),
    );
    expect(textOf(answer)).toBe('<7> ñA &lt;');
  });

  it('what is longer than the state of a request is not read', async () => {
    const items = '<item><id xsi:type="xsd:string">1</id><name>&lt;vm&gt;</name></item>'.repeat(5_000);
    const long = envelope(`<OpResponse><return>${items}</return></OpResponse>`);
    await expect(call(long)).rejects.toThrow(/^Op at .* was answered with \d+ bytes, which are too many$/);
  });

  it('a list that is cut is no list', async () => {
    const cut = envelope(`<OpResponse><return>${'<item><id>1</id></item>'.repeat(3)}`).split(
      '</env:Body>',
    )[0]!;
    expect(await failure(cut)).toBeInstanceOf(Retryable);
    expect(await failure(cut, 'deed')).toBeInstanceOf(Ambiguous);
  });

  it('a fault with the status that SOAP has for it is one too', async () => {
    sink.next.push({ status: 500, body: fault('Validation failed: Name is taken') });
    const target = targetOf({ url, username: 'u', password: 'secret' });
    const calling = soapCall(target, 'Op', {}, 'deed', AbortSignal.timeout(5_000));
    await expect(calling).rejects.toThrow(/^Op at .* was refused: Validation failed: Name is taken$/);
  });

  it.each([202, 204, 299])(
    'a success with %i is read as one, and without a result may be done',
    async (status) => {
      const target = targetOf({ url, username: 'u', password: 'secret' });
      const calling = () => soapCall(target, 'Op', {}, 'deed', AbortSignal.timeout(5_000));
      if (status !== 204) {
        sink.next.push({ status, body: envelope('<n1:OpResponse><return>7</return></n1:OpResponse>') });
        expect(textOf(await calling())).toBe('7');
        sink.next.push({ status, body: fault('Validation failed: Name is taken') });
        await expect(calling()).rejects.toBeInstanceOf(Permanent);
      }
      sink.next.push({ status, body: '' });
      await expect(calling()).rejects.toBeInstanceOf(Ambiguous);
    },
  );

  it.each([
    ['No source template was found from input data:&lt;{}&gt;', 'RuntimeError', Permanent, Permanent],
    ['Validation failed: Name is taken', 'ActiveRecord::RecordInvalid', Permanent, Permanent],
    ['whatever the automation said', 'RuntimeError', Permanent, Permanent],
    ['MiqRequest with ID=&lt;7 (String)&gt; was not found', 'RuntimeError', Gone, Gone],
    ["no such method 'Op' on API VmdbwsApi", 'X', NoSuchOperation, NoSuchOperation],
    ['PG::ConnectionBad', 'PG::Error', Retryable, Ambiguous],
    ['execution expired', 'Timeout::Error', Retryable, Ambiguous],
    ['Connection refused - connect(2)', 'Errno::ECONNREFUSED', Retryable, Ambiguous],
  ])('the fault %s inside 200', async (text, type, asked, done) => {
    expect((await failure(fault(text, type))).constructor).toBe(asked);
    expect((await failure(fault(text, type), 'deed')).constructor).toBe(done);
  });
});
