/** What was sent, asked or answered, as it is: JSON or text in a box of its own that scrolls by itself. */
export function Json({ value, name }: { value: unknown; name: string }) {
  return (
    <pre className="code panel given" tabIndex={0} aria-label={name}>
      {typeof value === 'string' ? value : JSON.stringify(value, null, 2)}
    </pre>
  );
}
