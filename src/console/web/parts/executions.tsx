import type { Execution, ExecutionStatus } from '../api/shapes';
import { AppLink } from '../app/link';
import { servicePath } from '../app/paths';
import { Time } from './time';

const SIGNS: Record<ExecutionStatus, string> = {
  queued: '…',
  awaiting_approval: '✋',
  running: '▶',
  waiting: '⏳',
  succeeded: '✓',
  failed: '✗',
  unknown: '?',
  cancelled: '⊘',
  shadowed: '○',
};

export const Status = ({ status }: { status: ExecutionStatus }) => (
  <span style={{ whiteSpace: 'nowrap', fontWeight: 600 }}>
    <span aria-hidden="true">{SIGNS[status]}</span> {status.replaceAll('_', ' ')}
  </span>
);

/** Executions, newest first, with why each was begun. */
export function ExecutionTable({ executions }: { executions: readonly Execution[] }) {
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Action</th>
          <th scope="col">Service</th>
          <th scope="col">Status</th>
          <th scope="col">Begun</th>
          <th scope="col">Because</th>
        </tr>
      </thead>
      <tbody>
        {executions.map(({ id, action, service, status, createdAt, justification }) => (
          <tr key={id}>
            <td>{action}</td>
            <td>{service ? <AppLink to={servicePath(service)}>{service}</AppLink> : '–'}</td>
            <td>
              <Status status={status} />
            </td>
            <td>
              <Time at={createdAt} />
            </td>
            <td>{justification}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
