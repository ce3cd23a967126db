import { CloudFormsStandIn } from './cloudforms';

describe('the stand-in for CloudForms is as strict as the appliance', () => {
  const cloudForms = new CloudFormsStandIn();
  let url: string;

  beforeAll(async () => {
    url = await cloudForms.start();
  });

  afterAll(() => cloudForms.stop());

  const envelope = (parts: string, operation = 'EVMPing'): string =>
    `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body><${operation}>${parts}</${operation}></e:Body></e:Envelope>`;
  const RIGHT = {
    'content-type': 'text/xml; charset=utf-8',
    soapaction: '"/vmdbws/api/EVMPing"',
    authorization: `Basic ${btoa('monscale:secret')}`,
  };

  async function post(body: string, headers: Record<string, string> = RIGHT, path = '/vmdbws/api') {
    const response = await fetch(url + path, { method: 'POST', body, headers });
    return { status: response.status, text: await response.text() };
  }

  it('answers what is right', async () => {
    const { status, text } = await post(envelope('<data xsi:type="xsd:string">x</data>'));
    expect(status).toBe(200);
    expect(text).toContain('<n1:EVMPingResponse');
  });

  it('refuses a message without SOAPAction, one that is no XML, and one of SOAP 1.2', async () => {
    const { soapaction: _, ...without } = RIGHT;
    const right = envelope('');
    for (const sent of [
      post(right, without),
      post(right.slice(0, -3)),
      post('data=x'),
      post(right, { ...RIGHT, 'content-type': 'application/soap+xml' }),
      post(right.replace('xmlns:xsi', 'xmlns:other')),
    ]) {
      expect(await sent).toEqual({ status: 500, text: expect.stringMatching(/^Internal protocol error: /) });
    }
  });

  it('refuses an element without its type, inside 200', async () => {
    for (const data of ['<data></data>', '<data>x</data>', '<data xsi:type="typens:T"><a/></data>']) {
      const { status, text } = await post(envelope(data));
      expect(status).toBe(200);
      expect(text).toContain('cannot cast');
    }
  });

  it('refuses an operation that it does not have, inside 200', async () => {
    const { status, text } = await post(envelope('', 'Nope'));
    expect([status, text]).toEqual([200, expect.stringContaining('no such method')]);
  });

  it('refuses a wrong password on both wires', async () => {
    const wrong = { ...RIGHT, authorization: `Basic ${btoa('monscale:wrong')}` };
    expect(await post(envelope(''), wrong)).toEqual({ status: 401, text: 'HTTP Basic: Access denied.\n' });
    const { status, text } = await post('{}', wrong, '/api/provision_requests');
    expect([status, JSON.parse(text)]).toMatchObject([401, { error: { kind: 'unauthorized' } }]);
  });

  it('refuses over REST what is no JSON, and paths that it does not have', async () => {
    expect(await post('{', RIGHT, '/api/provision_requests')).toMatchObject({ status: 400 });
    expect(await post('{}', RIGHT, '/api/nope')).toMatchObject({ status: 404 });
    expect(await post('{"action":"fly"}', RIGHT, '/api/vms/1')).toMatchObject({ status: 400 });
  });

  it('is told by people what to do', async () => {
    cloudForms.next.length = 0;
    expect(await post('{"status":503}', {}, '/_ctl/next')).toMatchObject({ status: 200 });
    expect(await post(envelope(''))).toMatchObject({ status: 503 });
    expect(await post('', {}, '/_ctl/approve/99')).toMatchObject({ status: 400 });
  });
});
