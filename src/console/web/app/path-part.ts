import { useParams } from '@tanstack/react-router';

/** Part of the page's path that `$name` stands for in `routes.tsx`, decoded. */
export function usePathPart(name: string): string {
  const parts: Record<string, unknown> = useParams({ strict: false });
  const part = parts[name];
  return typeof part === 'string' ? part : '';
}
