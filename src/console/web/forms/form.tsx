import type { ReactNode } from 'react';

interface FormProps {
  /** What its submission does, one at a time. */
  sends: { isPending: boolean; mutate: () => void };
  /** False: a submission does nothing. */
  isReady?: boolean;
  children: ReactNode;
}

/** Form whose fields the server checks, not the browser. */
export function Form({ sends, isReady = true, children }: FormProps) {
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        // Another form may be around this one's dialog, as far as React sees.
        event.stopPropagation();
        if (isReady && !sends.isPending) sends.mutate();
      }}
    >
      {children}
    </form>
  );
}
