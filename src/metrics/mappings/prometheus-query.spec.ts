import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyOf, HttpStandIn } from '../../../test/stand-ins/http-stand-in';
import { hasPrometheus, startPrometheus } from '../../../test/stand-ins/prometheus';
import { checked } from '../../common/check';
import { HttpClient } from '../http/http-client';
import type { ReadContext } from '../metric';
import { PrometheusQuery, PrometheusQueryParams } from './prometheus-query.metric';

const metric = new PrometheusQuery(new HttpClient());

const context = (timeoutMs = 5_000): ReadContext => ({
  signal: AbortSignal.timeout(timeoutMs),
  timeoutMs,
  nodes: () => Promise.reject(new Error('no infrastructure')),
  listNodes: () => Promise.reject(new Error('no infrastructure')),
});

const read = (url: string, query: string, given: object = {}) =>
  metric.read(checked(PrometheusQueryParams, { url, query, ...given }), context());

(hasPrometheus ? describe : describe.skip)("prometheus_query of Debian's Prometheus", () => {
  let prometheus: Awaited<ReturnType<typeof startPrometheus>>;
  let url: string;

  beforeAll(async () => {
    prometheus = await startPrometheus('Unheard', []);
    url = `http://127.0.0.1:${prometheus.port}`;
  }, 30_000);

  afterAll(() => prometheus?.stop());

  it.each([
    ['vector(93.5)', 93.5],
    ['sum(vector(1) or vector(2))', 1],
    ['7', 7],
    ['-1e300', -1e300],
  ])('%s has the value %d', async (query, number) => {
    expect(await read(url, query)).toBe(number);
    expect(await read(`${url}/`, query)).toBe(number);
  });

  it('a query of thousands of characters is asked', async () => {
    expect(await read(url, `vector(1) * ${'1 * '.repeat(1_000)}5`)).toBe(5);
  });

  it.each([
    ['nothing_of_that_name', /the query has no result$/],
    ['label_replace(vector(1), "a", "b", "", "") or vector(2)', /the query has 2 results, not one; sum\(\)/],
    ['vector(0) / 0', /the value is "NaN"$/],
    ['1 / 0', /the value is "\+Inf"$/],
    ['"text"', /the query is a string; an instant vector or a scalar is needed$/],
    ['up[5m]', /the query is a matrix; /],
    ['sum(', /it refused the query: .*parse error/],
  ])('%s is missing data', async (query, why) => {
    await expect(read(url, query)).rejects.toThrow(why);
    await expect(read(url, query)).rejects.toThrow(`cannot read ${url}: `);
  });
});

describe('prometheus_query', () => {
  let answer = '';
  let status = 200;
  const requests: { method?: string; url?: string; token?: string; body: string }[] = [];

  class Server extends HttpStandIn {
    protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const { method, url, headers } = request;
      requests.push({ method, url, token: headers.authorization, body: String(await bodyOf(request)) });
      response.writeHead(status).end(answer);
    }
  }

  const server = new Server();
  let url: string;

  beforeAll(async () => (url = await server.start()));
  beforeEach(() => {
    status = 200;
    requests.length = 0;
    answer = '{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}';
  });
  afterAll(() => server.stop());

  it('asks below the path prefix, with its headers', async () => {
    expect(await read(`${url}/prom/`, 'a + b', { headers: { Authorization: 'Bearer k' } })).toBe(3);
    expect(requests).toEqual([
      { method: 'GET', url: '/prom/api/v1/query?query=a+%2B+b', token: 'Bearer k', body: '' },
    ]);
  });

  it('sends a long query in a body', async () => {
    const query = 'a + '.repeat(600) + 'b';
    await read(url, query);
    expect(requests).toMatchObject([{ method: 'POST', url: '/api/v1/query' }]);
    expect(new URLSearchParams(requests[0]!.body).get('query')).toBe(query);
  });

  it.each([
    ['{"status":"success"}'],
    ['{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}'],
    ['{"status":"success","data":{"resultType":"vector","result":[{"value":[1]}]}}'],
    ['{"status":"success","data":{"resultType":"vector","result":[{"value":[1,3]}]}}'],
    ['{"status":"success","data":{"resultType":"vector","result":[{"value":[1,""]}]}}'],
    ['{"status":"success","data":{"resultType":"vector","result":[{"histogram":[1,{"sum":"3"}]}]}}'],
    ['{"status":"success","data":{"resultType":"vector","result":{}}}'],
    ['{"status":"success","data":null}'],
    ['{"status":"success","data":{"resultType":"k3y-of-ours","result":[]}}'],
    ['{}'],
    ['null'],
    ['<html>'],
    [''],
  ])('takes no number from %s', async (text) => {
    answer = text;
    const message = await read(url, 'up', { headers: { 'X-Key': 'k3y-of-ours' } }).catch(
      (error: Error) => error.message,
    );
    expect(message).toMatch(/^cannot read http:/);
    expect(message).not.toContain('k3y');
  });

  const success = (extra: object) =>
    JSON.stringify({
      status: 'success',
      ...extra,
      data: { resultType: 'vector', result: [{ metric: {}, value: [1, '20'] }] },
    });

  it.each([
    [{ warnings: ['receive series from Addr: store-b:10901: rpc error: code = Unavailable'] }, /store-b:10901/],
    [{ warnings: ['No StoreAPIs matched for this query'] }, /No StoreAPIs matched/],
    [{ warnings: ['remote_read: remote server http://old/api/v1/read returned HTTP status 503'] }, /remote_read: /],
    [{ warnings: ['results truncated due to limit'] }, /truncated/],
    [{ warnings: ['PromQL info: x might not be a counter', 'a\nstore is away'] }, /a store is away$/],
    [{ warnings: 'a store is away' }, /a store is away$/],
    [{ warnings: [{ store: 'b', error: 'away' }] }, /"store":"b"/],
    [{ warnings: [`hush-hush ${'x'.repeat(10_000)}`] }, /\*\*\* x{296}$/],
    [{ isPartial: true }, /isPartial says that a part of its storage did not answer$/],
    [{ isPartial: 'true' }, /isPartial/],
  ])('a success that says itself that it is incomplete is missing data: %j', async (extra, why) => {
    answer = success(extra);
    const reading = read(url, 'sum(up)', { headers: { 'X-Token': 'hush-hush' } });
    const message = await reading.catch((error: Error) => error.message);
    expect(message).toMatch(/^cannot read http:\S+: its answer is incomplete: /);
    expect(message).toMatch(why);
    expect(message).not.toMatch(/hush|\n/);
  }); // prettier-ignore

  it.each([
    [{}],
    [{ isPartial: false }],
    [{ isPartial: null, warnings: null }],
    [{ warnings: [] }],
    [{ infos: ['PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x"'] }],
    [{ warnings: ['PromQL warning: quantile value should be between 0 and 1, got 95 (1:20)'] }],
    [{ warnings: ['PromQL warning: bucket label "le" is missing or has a malformed value of "" for metric name "x"'] }],
    [{ warnings: ['PromQL warning: encountered a mix of histograms and floats for metric name "x" (1:5)'] }],
    // As it was before infos had a list of their own.
    [{ warnings: ['PromQL info: input to histogram_quantile needed to be fixed for monotonicity (1:1)'] }],
  ])('what PromQL remarks on the query comes with a number: %j', async (extra) => {
    answer = success(extra);
    expect(await read(url, 'sum(up)')).toBe(20);
  }); // prettier-ignore

  it('says what the server says, without our headers', async () => {
    status = 401;
    answer = '{"status":"error","error":"no such token: hush-hush"}';
    await expect(read(url, 'up', { headers: { 'X-Token': 'hush-hush' } })).rejects.toThrow(
      /refused the query: no such token: \*\*\*$/,
    );
    // The token alone, as servers tell it.
    await expect(read(url, 'up', { headers: { Authorization: 'Bearer hush-hush' } })).rejects.toThrow(
      /no such token: \*\*\*$/,
    );
    answer = 'log in';
    await expect(read(url, 'up')).rejects.toThrow(/it answered 401 Unauthorized$/);
  });
});
