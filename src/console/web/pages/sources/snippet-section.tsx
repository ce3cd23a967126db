import { BASE } from '../../app/base';
import { CopyButton } from '../../parts/copy';
import { Section } from '../../parts/section';
import { snippetsFor } from './snippets';

const ORIGIN = (window.location.origin + BASE).replace(/\/$/, '');

/** What to paste into the sender. @param token undefined where it can not be known any more */
export function SnippetSection({ format, token }: { format: string; token?: string }) {
  return (
    <Section title="For the sender">
      {token === undefined ? (
        <p className="hint">
          Put the token in that you were given when the source was made; it is shown only once.
        </p>
      ) : null}
      {snippetsFor(format, ORIGIN, token ?? '<the token>').map(({ where, text }) => (
        <div key={where}>
          <p className="hint">Into {where}:</p>
          <pre className="code panel given" tabIndex={0} aria-label={`For ${where}`}>
            {text}
          </pre>
          <CopyButton text={text} what={`what belongs into ${where}`} />
        </div>
      ))}
    </Section>
  );
}
