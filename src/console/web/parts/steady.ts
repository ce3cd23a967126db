import { useRef, useState } from 'react';

/**
 * Keeps rows where they are while a person points at or works in them: contents stay up to date, the order waits. New
 * rows come at the end meanwhile.
 *
 * @returns the rows, and props of the element around them
 */
export function useSteady<T>(rows: readonly T[], idOf: (row: T) => string) {
  const [isHeld, hold] = useState(false);
  const order = useRef<string[]>([]);
  if (!isHeld) order.current = rows.map(idOf);
  const places = new Map(order.current.map((id, index) => [id, index]));
  const place = (row: T) => places.get(idOf(row)) ?? Infinity;
  const steady = isHeld ? [...rows].sort((a, b) => place(a) - place(b)) : rows;
  return {
    steady,
    held: {
      onPointerEnter: () => hold(true),
      onPointerLeave: () => hold(false),
      onFocus: () => hold(true),
      onBlur: () => hold(false),
    },
  };
}
