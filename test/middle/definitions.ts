/** Rows of definitions for specs that write them without the API. */
import { slotOf } from '../../src/common/ids';
import type { Columns } from '../../src/database/definitions';
import type { InfrastructureRow, ServiceRow } from '../../src/database/entities';

/** A polled service that triggers while its metric `load` is over 1; specs say what is otherwise. */
export const serviceColumns = (name: string, given: Partial<ServiceRow> = {}): Columns<ServiceRow> => ({
  name,
  description: '',
  labels: {},
  enabled: true,
  intervalSeconds: 10,
  slot: slotOf(name),
  polled: true,
  metrics: { load: { type: 'static_count', params: {}, timeoutSeconds: 1 } },
  series: { load: 1 },
  condition: 'load > 1',
  recovery: null,
  holdSeconds: 0,
  wisdomSeconds: 60,
  repeat: true,
  missingData: 'hold',
  infrastructureId: null,
  direction: null,
  policy: { type: 'fixed', params: {} },
  actionIds: [],
  escalations: [],
  dependsOn: [],
  expect: null,
  recoveryActionIds: [],
  mode: 'auto',
  approvalTtlSeconds: 60,
  approvalByOther: false,
  approvalActionIds: [],
  maxActionsPerHour: null,
  ...given,
});

/** An infrastructure of one to five nodes that nothing keeps from being scaled. */
export const infrastructureColumns = (
  name: string,
  given: Partial<InfrastructureRow> = {},
): Columns<InfrastructureRow> => ({
  name,
  description: '',
  labels: {},
  minNodes: 1,
  maxNodes: 5,
  upWisdomSeconds: 0,
  downWisdomSeconds: 0,
  warmupSeconds: 0,
  maxDirectionChangesPerHour: 10,
  nodes: null,
  loadBalancer: null,
  ...given,
});
