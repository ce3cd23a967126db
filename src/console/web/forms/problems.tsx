/**
 * Problems of a form at their fields: a field's problem is text beside it that its input names (`aria-describedby`), and
 * the first of them gets the focus. What belongs to no field on the page stands at the form's head.
 */
import { Alert } from '@mantine/core';
import { createContext, use, useEffect, useId, useMemo, useRef } from 'react';
import { fieldWords, Problem, wordsOf, type FieldProblem } from '../api/problem';

interface FieldProps {
  id: string;
  error: string | undefined;
  'aria-invalid': true | undefined;
}

export interface FormProblems {
  /** Props of the input at a JSON pointer. @param isOwn leaves what is below it to other inputs */
  field: (pointer: string, isOwn?: boolean) => FieldProps;
  error: unknown;
  errors: readonly FieldProblem[];
  /** Start of the ids of this form's inputs. */
  prefix: string;
}

const isAtOrBelow = (pointer: string, field: string): boolean =>
  pointer === field || pointer.startsWith(`${field}/`);

/** @param error that the form's last request failed with */
export function useProblems(error: unknown): FormProblems {
  const prefix = useId();
  const problems = useMemo<FormProblems>(() => {
    const errors = error instanceof Problem ? error.errors : [];
    const at = (field: string, isOwn = false) => {
      const own = errors.filter(({ pointer }) => (isOwn ? pointer === field : isAtOrBelow(pointer, field)));
      return own.length === 0 ? undefined : own.map(({ detail }) => detail).join('; ');
    };
    const field = (pointer: string, isOwn = false): FieldProps => {
      const problem = at(pointer, isOwn);
      return {
        id: prefix + pointer,
        error: problem,
        'aria-invalid': problem === undefined ? undefined : true,
      };
    };
    return { field, error, errors, prefix };
  }, [error, prefix]);
  const focused = useRef<unknown>(undefined);
  useEffect(() => {
    if (error === null || error === undefined || focused.current === error) return;
    focused.current = error;
    // A problem that no field of the page has is told at the head, which is focused then.
    const first = firstInvalid(prefix) ?? document.getElementById(`${prefix}-head`);
    first?.focus();
    first?.scrollIntoView({ block: 'center' });
  }, [error, prefix]);
  return problems;
}

/** The first field of a form, as they stand on the page, that has a problem. */
function firstInvalid(prefix: string): HTMLElement | null {
  const fields = document.querySelectorAll<HTMLElement>('[aria-invalid="true"]');
  const own = [...fields].find(({ id }) => id.startsWith(prefix));
  for (let details = own?.closest('details'); details; details = details.parentElement?.closest('details'))
    details.open = true;
  return own ?? null;
}

interface ProblemsProps {
  problems: FormProblems;
  title?: string;
}

/** Tells at the form's head what its request failed with, or that fields have problems. */
export function Problems({
  problems: { error, errors, prefix },
  title = 'This was not saved',
}: ProblemsProps) {
  if (error === null || error === undefined) return null;
  const shown = errors.length === 0 ? undefined : errors;
  return (
    <Alert color="red" role="alert" id={`${prefix}-head`} tabIndex={-1} title={title}>
      {shown === undefined ? (
        wordsOf(error)
      ) : (
        <ul style={{ margin: 0, paddingInlineStart: 18 }}>
          {shown.map(({ pointer, detail }) => (
            <li key={pointer + detail}>
              <b>{fieldWords(pointer)}</b> {detail}
            </li>
          ))}
        </ul>
      )}
    </Alert>
  );
}

const Context = createContext<FormProblems | undefined>(undefined);
export const ProblemsOf = Context.Provider;

/** Props of the input at a pointer, within `ProblemsOf`. */
export function useField(pointer: string, isOwn = false): FieldProps {
  const problems = use(Context);
  if (problems === undefined) throw new Error('a field outside of ProblemsOf');
  return problems.field(pointer, isOwn);
}
