import { useQuery } from '@tanstack/react-query';
import { serviceStateQuery } from '../../api/queries';
import type { MetricChoice, Service } from '../../api/shapes';
import { Section } from '../../parts/section';
import { numberText } from '../../parts/numbers';
import { Time } from '../../parts/time';

/** The number of each metric now, or why there is none. */
export function Values({ service: { id, metrics } }: { service: Service }) {
  const { data: state } = useQuery(serviceStateQuery(id));
  const choices = metrics as unknown as Record<string, MetricChoice>;
  return (
    <Section title="Values">
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col">Value</th>
            <th scope="col">Read</th>
            <th scope="col">From</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(choices).map(([name, { type, window }]) => {
            const value = state?.values[name];
            return (
              <tr key={name}>
                <td className="code">{name}</td>
                <td className="number">
                  {value === undefined
                    ? '–'
                    : 'value' in value
                      ? numberText(value.value)
                      : `missing: ${value.error}`}
                </td>
                <td>{value === undefined ? null : <Time at={value.at} />}</td>
                <td>
                  {type}
                  {window ? `, ${window.function} of ${window.seconds} s` : ''}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Section>
  );
}
