import { useRef, type ReactNode } from 'react';

interface FormProps {
  /** What its submission does, one at a time. */
  sends: { isPending: boolean; mutate: (nothing: undefined, options: { onSettled: () => void }) => void };
  /** False: a submission does nothing. */
  isReady?: boolean;
  children: ReactNode;
}

/** Form whose fields the server checks, not the browser. */
export function Form({ sends, isReady = true, children }: FormProps) {
  // That something is pending is rendered a moment later: the second tap of two may come before.
  const isSent = useRef(false);
  const send = () => {
    isSent.current = true;
    sends.mutate(undefined, { onSettled: () => (isSent.current = false) });
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        // Another form may be around this one's dialog, as far as React sees.
        event.stopPropagation();
        if (isReady && !sends.isPending && !isSent.current) send();
      }}
    >
      {children}
    </form>
  );
}
