import { newId } from '../common/ids';
import { attempted } from './refusals';

const ID = newId();

test.each([
  ['POST', '/api/v1/services', {}, 'create', { type: 'service' }],
  ['PUT', '/api/v1/services/:ref', { ref: 'web' }, 'update', { type: 'service', name: 'web' }],
  ['PATCH', '/api/v1/actions/:ref', { ref: ID }, 'update', { type: 'action', id: ID }],
  ['DELETE', '/api/v1/infrastructures/:ref', { ref: 'x' }, 'delete', { type: 'infrastructure', name: 'x' }],
  ['PUT', '/api/v1/kill-switch', {}, 'update', { type: 'kill_switch' }],
  ['POST', '/api/v1/executions/:id/approve', { id: ID }, 'approve', { type: 'execution', id: ID }],
  ['POST', '/api/v1/services/:ref/end-wisdom', { ref: 'web' }, 'end_wisdom', { type: 'service', name: 'web' }],
  ['POST', '/api/v1/services/:ref/versions/:n/restore', { ref: 'web', n: '1' }, 'restore', { type: 'service', name: 'web' }],
  ['DELETE', '/api/v1/mibs/:name', { name: 'M' }, 'delete', { type: 'mib', name: 'M' }],
  ['POST', '/api/v1/import', {}, 'create', { type: 'import' }],
] as const)('%s %s of %j is %s', (method, url, params, action, object) => {
  expect(attempted({ method, params, routeOptions: { url } as never })).toEqual({ action, object });
}); // prettier-ignore
