import { Button } from '@mantine/core';
import { useState } from 'react';

/** Copies a text. @param what names it, for who can't see what it stands beside */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [isCopied, setCopied] = useState(false);
  // Browsers allow it over HTTPS and on this machine alone.
  if (!window.isSecureContext) return null;
  return (
    <Button
      variant="default"
      size="compact-md"
      mt={6}
      aria-label={`Copy ${what}`}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      <span role="status">{isCopied ? 'Copied' : 'Copy'}</span>
    </Button>
  );
}
