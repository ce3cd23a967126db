import type { Execution, ExecutionStatus } from '../api/shapes';
import { AppLink } from '../app/link';
import { contactPath, executionPath, servicePath } from '../app/paths';
import { Time } from './time';

const SIGNS: Record<ExecutionStatus, string> = {
  queued: '…',
  awaiting_approval: '✋',
  running: '▶',
  waiting: '⏳',
  held: '⏸',
  succeeded: '✓',
  failed: '✗',
  unknown: '?',
  cancelled: '⊘',
  shadowed: '○',
};

export const STATUS_WORDS: Record<ExecutionStatus, string> = {
  queued: 'Queued',
  awaiting_approval: 'Awaiting approval',
  running: 'Running',
  waiting: 'Waiting for its target',
  held: 'Held after a restore',
  succeeded: 'Succeeded',
  failed: 'Failed',
  unknown: 'Unknown',
  cancelled: 'Cancelled',
  shadowed: 'Shadowed',
};

const COLOURS: Partial<Record<ExecutionStatus, string>> = {
  succeeded: 'var(--phase-ok)',
  failed: 'var(--phase-alarm)',
  unknown: 'var(--phase-unknown)',
  awaiting_approval: 'var(--phase-pending)',
  held: 'var(--phase-pending)',
};

export const Status = ({ status }: { status: ExecutionStatus }) => (
  <span style={{ whiteSpace: 'nowrap', fontWeight: 600, color: COLOURS[status] }}>
    <span aria-hidden="true">{SIGNS[status]}</span> {STATUS_WORDS[status]}
  </span>
);

/** Executions, newest first, with why each was begun. */
export function ExecutionTable({ executions }: { executions: readonly Execution[] }) {
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Action</th>
          <th scope="col">For</th>
          <th scope="col">Status</th>
          <th scope="col">Begun</th>
          <th scope="col">Because</th>
        </tr>
      </thead>
      <tbody>
        {executions.map(
          ({ id, action, service, contact, status, createdAt, justification, held, attempts }) => (
            <tr key={id}>
              <td>
                <AppLink to={executionPath(id)} data-row="" dir="auto">
                  {action}
                </AppLink>
              </td>
              <td>
                <For service={service} contact={contact} />
              </td>
              <td>
                <Status status={status} />
              </td>
              <td>
                <Time at={createdAt} />
              </td>
              <td dir="auto">
                <span className="text">{justification}</span>
                {held === undefined ? null : <div className="hint">{held}</div>}
                <LastError execution={{ status, attempts }} />
              </td>
            </tr>
          ),
        )}
      </tbody>
    </table>
  );
}

/** The service that triggered it, or the contact that it tells. */
function For({ service, contact }: Pick<Execution, 'service' | 'contact'>) {
  if (service !== undefined) return <AppLink to={servicePath(service)}>{service}</AppLink>;
  if (contact !== undefined) return <AppLink to={contactPath(contact)}>{contact}</AppLink>;
  return '–';
}

/** Why the last attempt of one that ended badly did. */
function LastError({
  execution: { status, attempts },
}: {
  execution: Pick<Execution, 'status' | 'attempts'>;
}) {
  const error = attempts.findLast((attempt) => attempt.error !== undefined)?.error;
  if (error === undefined || status === 'succeeded') return null;
  return <div className="problem">{error}</div>;
}
