import { Link } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, Ref } from 'react';

interface AppLinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  /** Path of ours, its parts percent-encoded; see `paths.ts`. */
  to: string;
  search?: Record<string, unknown>;
  ref?: Ref<HTMLAnchorElement>;
}

/** Link to a page of ours. */
export const AppLink = ({ to, search, className = 'link', ...others }: AppLinkProps) => (
  <Link to={to} search={search} className={className} {...others} />
);
