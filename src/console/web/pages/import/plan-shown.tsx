import { Alert, Stack } from '@mantine/core';
import type { Plan } from '../../api/transfer';
import { ShownOnce } from '../../parts/shown-once';

/** Most rows of each kind that are shown. */
const SHOWN_AT_MOST = 200;

/** What an import does: what it creates, changes and leaves, what is wrong, and what to look after. */
export function PlanShown({ plan: { created, updated, unchanged, errors, notes = [] } }: { plan: Plan }) {
  return (
    <Stack gap="sm">
      {errors.length === 0 ? null : (
        <Alert color="red" variant="outline" title={`${errors.length} problems: nothing can be imported`}>
          <Points points={errors} />
        </Alert>
      )}
      <p className="text">
        <b>{created.length}</b> created, <b>{updated.length}</b> updated, <b>{unchanged.length}</b> unchanged.
      </p>
      {created
        .filter(({ token }) => token !== undefined)
        .map(({ name, token }) => (
          <ShownOnce key={name} what={name} token={token!} />
        ))}
      {created.length + updated.length === 0 ? null : (
        <table className="rows">
          <thead>
            <tr>
              <th scope="col">Definition</th>
              <th scope="col">Kind</th>
              <th scope="col">Change</th>
            </tr>
          </thead>
          <tbody>
            {created.slice(0, SHOWN_AT_MOST).map(({ kind, name }) => (
              <tr key={`${kind} ${name}`}>
                <td dir="auto">{name}</td>
                <td>{kind}</td>
                <td>created</td>
              </tr>
            ))}
            {updated.slice(0, SHOWN_AT_MOST).map(({ kind, name, changes }) => (
              <tr key={`${kind} ${name}`}>
                <td dir="auto">{name}</td>
                <td>{kind}</td>
                <td>
                  updated: <span className="code">{changes.join(', ')}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {notes.length === 0 ? null : (
        <Alert color="yellow" variant="outline" title="To look after">
          <Points points={notes} />
        </Alert>
      )}
    </Stack>
  );
}

const Points = ({ points }: { points: Plan['errors'] }) => (
  <ul style={{ margin: 0, paddingInlineStart: 18 }}>
    {points.slice(0, SHOWN_AT_MOST).map(({ pointer, detail }) => (
      <li key={pointer + detail}>
        <span className="code">{pointer || 'document'}</span> {detail}
      </li>
    ))}
  </ul>
);
