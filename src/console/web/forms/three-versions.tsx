import { differences } from '../pages/editor/differences';
import type { JsonObject } from './values';

/** Fields that somebody else has changed: as they were found, as they are stored now, and as this form has them. */
export function ThreeVersions(props: { found: JsonObject; theirs: JsonObject; mine: JsonObject }) {
  const { found, theirs, mine } = props;
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">As you found it</th>
          <th scope="col">Theirs</th>
          <th scope="col">Yours</th>
        </tr>
      </thead>
      <tbody>
        {differences(found, theirs).map(({ name, before, after }) => (
          <tr key={name}>
            <td>{name}</td>
            <td className="code">{before}</td>
            <td className="code">{after}</td>
            <td className="code">{mine[name] === undefined ? '' : JSON.stringify(mine[name])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
