import { Alert } from '@mantine/core';
import { CopyButton } from './copy';

/** A token that is shown this once. */
export const ShownOnce = ({ token, what }: { token: string; what: string }) => (
  <Alert color="green" variant="outline" role="alert" title={`The token of ${what}, shown this once`}>
    <pre className="code given" tabIndex={0} aria-label={`Token of ${what}`}>
      {token}
    </pre>
    <CopyButton text={token} what={`the token of ${what}`} />
    <p style={{ marginBottom: 0 }}>Keep it now: nobody can show it again.</p>
  </Alert>
);
