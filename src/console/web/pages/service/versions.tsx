import { useQuery } from '@tanstack/react-query';
import { versionsQuery } from '../../api/queries';
import { Section } from '../../parts/section';
import { Time } from '../../parts/time';

/** Who made it what it is. */
export function Versions({ id }: { id: string }) {
  const { data } = useQuery(versionsQuery(id));
  return (
    <Section title="Versions">
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">By</th>
            <th scope="col">At</th>
            <th scope="col">Changes</th>
          </tr>
        </thead>
        <tbody>
          {data?.items.map(({ version, actor, at, changes }) => (
            <tr key={version}>
              <td className="number">{version}</td>
              <td>{actor}</td>
              <td>
                <Time at={at} />
              </td>
              <td>
                {changes.map(({ pointer, before, after }) => (
                  <div key={pointer} className="code">
                    {pointer}: {JSON.stringify(before) ?? 'nothing'} → {JSON.stringify(after) ?? 'nothing'}
                  </div>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}
