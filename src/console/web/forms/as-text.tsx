/** The form as YAML to keep in a repository, and as a `curl` command. */
import { useState } from 'react';
import { below } from '../app/base';
import type { JsonObject } from './values';
import { stringify } from './yaml';

interface AsTextProps {
  body: JsonObject;
  /** Section of the document of rules as code. */
  kind: 'services' | 'actions' | 'infrastructures' | 'sources' | 'contacts';
  method: 'POST' | 'PUT';
  path: string;
}

export function AsText(props: AsTextProps) {
  const [isOpen, open] = useState(false);
  return (
    <details className="fold" onToggle={(event) => open(event.currentTarget.open)}>
      <summary>As YAML and curl</summary>
      {isOpen ? <Texts {...props} /> : null}
    </details>
  );
}

function Texts({ body, kind, method, path }: AsTextProps) {
  return (
    <>
      <p className="hint">For a folder of rules, or `monscale import`:</p>
      <pre className="code panel" tabIndex={0} aria-label="YAML">
        {stringify({ monscale: 1, [kind]: [body] })}
      </pre>
      <p className="hint">With a token of yours in MONSCALE_TOKEN:</p>
      <pre className="code panel" tabIndex={0} aria-label="curl">
        {curl(method, window.location.origin + below(path), body)}
      </pre>
    </>
  );
}

/** Returns a command for a shell; within single quotes only a single quote means anything. */
export const curl = (method: string, url: string, body: JsonObject): string =>
  [
    `curl -X ${method} ${quoted(url)}`,
    `  -H "Authorization: Bearer $MONSCALE_TOKEN"`,
    `  -H 'Content-Type: application/json'`,
    `  -d ${quoted(JSON.stringify(body))}`,
  ].join(' \\\n');

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
