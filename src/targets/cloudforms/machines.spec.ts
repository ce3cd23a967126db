import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpStandIn } from '../../../test/stand-ins/http-stand-in';
import { HELD_UP_MS, loopDelayMs } from '../../../test/loop-delay';
import { stopThreads } from '../../common/thread-pool';
import { livingMachines } from './machines';
import { targetOf } from './target';

/** Answers everything with one text. */
class Answers extends HttpStandIn {
  text = '';
  sent: () => void = () => undefined;

  protected async answer(_: IncomingMessage, response: ServerResponse): Promise<void> {
    response.end(this.text, () => this.sent());
  }
}

const envelope = (inside: string, before = '') =>
  `<?xml version="1.0"?>${before}<soap:Envelope xmlns:soap="x"><soap:Body>${inside}</soap:Body></soap:Envelope>`;
const list = (items: string, length: number) =>
  `<n1:GetVmsByTagResponse><return n2:arrayType="n1:ProxyVm[${length}]">${items}</return></n1:GetVmsByTagResponse>`;
const vm = (id: number, filler = 1_000) =>
  `<item><id>${id}</id><name>web-${id}</name><power_state>on</power_state><retired>false</retired>` +
  `<ipaddresses><item>10.0.0.1</item></ipaddresses><notes>${'x'.repeat(filler)}</notes></item>`;
const vms = (length: number) => Array.from({ length }, (_, id) => vm(id)).join('');

describe('long lists of machines', () => {
  const cloudForms = new Answers();
  let url: string;

  beforeAll(async () => {
    url = await cloudForms.start();
  });
  afterAll(() => Promise.all([cloudForms.stop(), stopThreads()]));

  const read = (api: 'soap' | 'rest', signal = AbortSignal.timeout(20_000)) =>
    livingMachines(targetOf({ url, username: 'u', password: 'p' }), api, 'a/b', signal);

  it('of SOAP are read beside the event loop', async () => {
    cloudForms.text = envelope(list(vms(3), 3));
    const short = await read('soap');
    expect(short).toHaveLength(3);
    cloudForms.text = envelope(list(vms(2_000), 2_000));
    let machines: unknown[] = [];
    const delay = await loopDelayMs(async () => void (machines = await read('soap')));
    expect(delay).toBeLessThan(HELD_UP_MS);
    expect(machines).toHaveLength(2_000);
    expect(machines[2]).toEqual(short[2]);
  });

  it.each([
    ['another number than it announces', envelope(list(vms(100), 99)), 'not as CloudForms does'],
    [
      'a fault',
      envelope(`<Fault><faultstring>${'no '.repeat(20_000)}</faultstring></Fault>`),
      'was refused: no no',
    ],
    ['no XML', `<a>${'<b>'.repeat(20_000)}`, 'not as CloudForms does'],
    ['nesting', envelope('<a>'.repeat(100_000) + '</a>'.repeat(100_000)), 'not as CloudForms does'],
    [
      'entities of entities',
      envelope(
        list(`<item><id>&j;</id></item>${vms(100)}`, 101),
        `<!DOCTYPE a [<!ENTITY a "${'x'.repeat(1_000)}">${'abcdefghi'
          .split('')
          .map((name, index) => `<!ENTITY ${'bcdefghij'[index]} "${`&${name};`.repeat(20)}">`)
          .join('')}]>`,
      ),
      undefined,
    ],
    [
      'attributes',
      envelope(`<a ${Array.from({ length: 40_000 }, (_, index) => `a${index}="b"`).join(' ')}/>`),
      undefined,
    ],
    [
      'references',
      envelope(list(`<item><id>1</id><notes>${'&#13;&amp;'.repeat(60_000)}</notes></item>`, 1)),
      undefined,
    ],
    [
      'names',
      envelope(Array.from({ length: 30_000 }, (_, index) => `<a${index}/>`).join('')),
      'not as CloudForms does',
    ],
  ])('of SOAP that hold %s hold up nobody', async (_, text, why) => {
    cloudForms.text = text;
    let failure = '';
    const delay = await loopDelayMs(() => read('soap').catch((error: Error) => (failure = error.message)));
    expect(delay).toBeLessThan(HELD_UP_MS);
    if (why !== undefined) expect(failure).toContain(why);
  });

  it('of REST are read in turns', async () => {
    const resources = `[${'{},'.repeat(400_000)}{"id":"1"}]`;
    cloudForms.text = `{"subcount":400001,"resources":${resources}}`;
    const delay = await loopDelayMs(() => read('rest', AbortSignal.timeout(5_000)).catch(() => undefined));
    expect(delay).toBeLessThan(HELD_UP_MS);
  });

  it('are given up when nobody wants them any more', async () => {
    cloudForms.text = envelope(list(vms(8_000), 8_000));
    const wanted = new AbortController();
    cloudForms.sent = () => setTimeout(() => wanted.abort(), 50);
    await expect(read('soap', wanted.signal)).rejects.toThrow();
  });
});
