/** What a silence would do, beside the form that makes it. */
import { Alert } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Problem } from '../../api/problem';
import { silencePreviewQuery } from '../../api/silences';
import type { SilencePreview } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { servicePath } from '../../app/paths';
import { useSettled } from '../../app/settled';
import { Failure } from '../../parts/page';
import { Phase } from '../../parts/phase';
import { Section } from '../../parts/section';
import { Span, Time } from '../../parts/time';

const SHOWN = 8;

/** @param silence as it would be sent; while it can't be, its form says why */
export function Preview({ silence }: { silence: object }) {
  const settled = useSettled(JSON.stringify(silence), 300);
  // A reason is required, and changes nothing of what is previewed.
  const asked = { ...(JSON.parse(settled) as { match?: object }), reason: 'preview' };
  const covers = Object.values(asked.match ?? {}).some((one) => Object.keys(one as object).length > 0);
  const { data, error } = useQuery({ ...silencePreviewQuery(asked), enabled: covers });
  const isUnfinished = !covers || (error instanceof Problem && error.status === 400);
  return (
    <Section title="Preview">
      {isUnfinished ? (
        <p className="hint">
          It shows what the silence covers once its services, labels and times are given.
        </p>
      ) : (
        <Failure error={error} />
      )}
      {data === undefined || isUnfinished || error !== null ? null : <Shown preview={data} />}
    </Section>
  );
}

const Shown = ({
  preview: { services, total, wouldHaveMuted, nextWindows, warnings },
}: {
  preview: SilencePreview;
}) => (
  <div aria-live="polite">
    {warnings.map((warning) => (
      <Alert key={warning} color="yellow" variant="outline" mb="xs">
        {warning.charAt(0).toUpperCase() + warning.slice(1)}.
      </Alert>
    ))}
    <h3>
      It covers {total} {total === 1 ? 'service' : 'services'} now
    </h3>
    <ul className="plain">
      {services.slice(0, SHOWN).map(({ name, phase }) => (
        <li key={name}>
          <Phase phase={phase} /> <AppLink to={servicePath(name)}>{name}</AppLink>
        </li>
      ))}
      <More count={total - Math.min(SHOWN, services.length)} />
    </ul>
    <h3>
      It would have muted {wouldHaveMuted.length === 0 ? 'nothing' : wouldHaveMuted.length} in the last 7 days
    </h3>
    <ul className="plain">
      {wouldHaveMuted.slice(0, SHOWN).map(({ at, service, action }, index) => (
        <li key={index}>
          <Time at={at} relative={false} />: {action} for {service}
        </li>
      ))}
      <More count={wouldHaveMuted.length - SHOWN} />
    </ul>
    <h3>Next windows</h3>
    {nextWindows.length === 0 ? <p className="text">None.</p> : null}
    <ul className="plain">
      {nextWindows.map(({ from, to }) => (
        <li key={from}>
          <Span from={from} to={to} />
        </li>
      ))}
    </ul>
  </div>
);

const More = ({ count }: { count: number }) => (count > 0 ? <li>and {count} more</li> : null);
