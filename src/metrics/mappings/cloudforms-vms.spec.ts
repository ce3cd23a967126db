import { CloudFormsStandIn, type CloudFormsTrouble } from '../../../test/stand-ins/cloudforms';
import { check } from '../../common/check';
import { CloudFormsVms, CloudFormsVmsParams } from './cloudforms-vms.metric';

const TAG = 'monitoredservice/web';
const PASSWORD = 's3cret';

describe.each(['soap', 'rest'])('cloudforms_vms over %s', (api) => {
  const metric = new CloudFormsVms();
  const cloudForms = new CloudFormsStandIn('monscale', PASSWORD);
  let url: string;

  beforeAll(async () => {
    url = await cloudForms.start();
  });

  beforeEach(() => cloudForms.clear());

  afterAll(() => cloudForms.stop());

  function paramsOf(given: object): CloudFormsVmsParams {
    const base = { url, username: 'monscale', password: PASSWORD, tag: TAG, api };
    const { value, errors } = check(CloudFormsVmsParams, { ...base, ...given });
    expect(errors).toEqual([]);
    return value!;
  }

  const context = (timeoutMs = 5_000) => ({
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
    nodes: () => Promise.reject(new Error('not asked')),
    listNodes: () => Promise.reject(new Error('not asked')),
  });
  const read = (given: object = {}, timeoutMs?: number) => metric.read(paramsOf(given), context(timeoutMs));
  const nodes = (given: object = {}) => metric.nodes(paramsOf(given), context());
  /** Asked for the number and for the nodes, which fail alike. */
  const failures = async (prepare: () => unknown, given: object = {}, timeoutMs?: number) => {
    const asking = [() => read(given, timeoutMs), () => metric.nodes(paramsOf(given), context(timeoutMs))];
    const messages: string[] = [];
    for (const ask of asking) {
      prepare();
      messages.push(
        await ask().then(
          (answer) => `answered ${JSON.stringify(answer)}`,
          (error: Error) => error.message,
        ),
      );
    }
    expect(messages[1]).toBe(messages[0]);
    return messages[0]!;
  };

  it('counts the machines that carry the tag and live, also when they are switched off', async () => {
    cloudForms.addVm('web-1', TAG);
    cloudForms.addVm('web-2', TAG, { powerState: 'off' });
    cloudForms.addVm('web-3', TAG, { powerState: 'unknown', addresses: [] });
    cloudForms.addVm('web-4', TAG, { retired: true });
    cloudForms.addVm('web-5', TAG, { emsId: null });
    cloudForms.addVm('web-6', TAG, { powerState: 'archived' });
    cloudForms.addVm('db-1', 'monitoredservice/db');
    expect(await read()).toBe(3);
  });

  it('a tag that nobody carries, or that is not known, counts 0', async () => {
    cloudForms.addVm('web-1', TAG);
    expect(await read({ tag: 'monitoredservice/wbe' })).toBe(0);
    expect(await nodes({ tag: 'monitoredservice/wbe' })).toEqual([]);
  });

  it('counts hundreds', async () => {
    for (let number = 1; number <= 350; number++) cloudForms.addVm(`web-${number}`, TAG);
    expect(await read()).toBe(350);
  });

  it('a node is a machine that is on, at its first IPv4 address that others can reach', async () => {
    cloudForms.addVm('web-1', TAG, { addresses: ['fe80::1', '169.254.3.4', '10.0.0.1', '192.0.2.1'] });
    cloudForms.addVm('web-2', TAG, { powerState: 'off' });
    cloudForms.addVm('web-3', TAG, { retired: true });
    expect(await nodes()).toEqual([{ id: expect.any(String), name: 'web-1', address: '10.0.0.1' }]);
    expect(await nodes({ network: '192.0.2.0/24' })).toMatchObject([{ address: '192.0.2.1' }]);
    expect(await nodes({ network: 'fe80::/10' })).toMatchObject([{ address: 'fe80::1' }]);
  });

  it('a machine whose address or state is not known is a node without address', async () => {
    cloudForms.addVm('web-1', TAG, { addresses: [] });
    cloudForms.addVm('web-2', TAG, { powerState: 'unknown' });
    const found = await nodes();
    expect(found.map(({ name, address }) => [name, address]).sort()).toEqual([
      ['web-1', undefined],
      ['web-2', undefined],
    ]);
  });

  it('a wrong password is said, without it', async () => {
    const message = await failures(() => undefined, { password: 'wr0ng' });
    expect(message).toMatch(/^cannot read the machines that carry monitoredservice\/web: .* at 127\.0\.0\.1/);
    expect(message).toMatch(/was answered 401 Unauthorized/);
    expect(message).not.toMatch(/wr0ng/);
  });

  it('silence ends at the timeout', async () => {
    const message = await failures(() => cloudForms.next.push({ hangAfter: true }), {}, 200);
    expect(message).toMatch(/aborted due to timeout|no answer/);
  });

  it.each<[string, CloudFormsTrouble, RegExp]>([
    ['a fault', { fault: 'PG::Error: server closed the connection' }, /PG::Error/],
    ['an error page', { status: 503, raw: '<html>' }, /503 Service Unavailable/],
    ['nonsense', { raw: 'NaN' }, /not as CloudForms does/],
    ['nothing', { raw: '' }, /not as CloudForms does/],
    ['a cut connection', { dropAfter: true }, /was not answered/],
  ])('%s is no number', async (_, trouble, expected) => {
    cloudForms.addVm('web-1', TAG);
    expect(await failures(() => cloudForms.next.push(trouble))).toMatch(expected);
  });

  it('half an answer is no number', async () => {
    for (let number = 1; number <= 3; number++) cloudForms.addVm(`web-${number}`, TAG);
    for (const half of api === 'soap' ? HALF_SOAP : HALF_REST) {
      expect(await failures(() => cloudForms.next.push({ raw: half }))).toMatch(/not as CloudForms does$/);
    }
  });

  if (api === 'rest')
    it('a success that says it is an error is none', async () => {
      const raw = '{"error": {"kind": "internal_server_error", "message": "no"}}';
      expect(await failures(() => cloudForms.next.push({ raw }))).toMatch(
        /was answered 500 Internal Server Error: no$/,
      );
    });

  if (api === 'rest')
    it.each([
      [
        '{"name": "vms", "count": 9, "subcount": 2, "resources": [{"id": "1"}]}',
        /in part: it counts 2 on a page and holds 1$/,
      ],
      [
        '{"name": "vms", "count": 9, "subcount": 3, "resources": []}',
        /in part: it counts 3 on a page and holds 0$/,
      ],
      [
        '{"name": "vms", "count": 9, "subquery_count": 3, "subcount": 0, "resources": []}',
        /in part: it counts 3 and gave 0$/,
      ],
    ])('what counts more than it holds is no number: %s', async (raw, expected) => {
      expect(await failures(() => cloudForms.next.push({ raw }))).toMatch(expected);
    });

  if (api === 'rest')
    it('a later page that fails makes the whole fail', async () => {
      for (let number = 1; number <= 150; number++) cloudForms.addVm(`web-${number}`, TAG);
      expect(await failures(() => cloudForms.next.push({}, { status: 502, raw: '' }))).toMatch(/502/);
    });
});

const soap = (returned: string): string =>
  `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><n1:GetVmsByTagResponse xmlns:n1="urn:ActionWebService">${returned}</n1:GetVmsByTagResponse></e:Body></e:Envelope>`;
const array = (items: string, announced: number): string =>
  `<return xmlns:n2="u" n2:arrayType="n1:VmdbwsSupport..ProxyVm[${announced}]">${items}</return>`;

const HALF_SOAP = [
  soap(''),
  soap('<return/>'),
  soap('<return xsi:nil="true" xmlns:xsi="x"/>'),
  soap(array('<item><id>1</id></item>', 2)),
  soap(array('', 3)),
  soap(array('<item><name>web-1</name></item>', 1)),
  soap(array('<item><id>1</id></item>', 1)).slice(0, -20),
];

const HALF_REST = [
  '{}',
  '{"name": "vms", "resources": {}}',
  '{"name": "vms", "resources": [{"href": "/api/vms/1"}]}',
  '{"name": "vms", "resources": [null]}',
  '{"name": "vms", "resources": ["/api/vms/1"]}',
  '{"name": "vms", "resources": [{"id": "1"}',
];
