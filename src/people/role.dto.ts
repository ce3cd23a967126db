import { ROLES, type Grant, type Role } from '../common/caller';
import { within } from '../common/check';
import type { FieldError } from '../common/errors';
import { Choice, Flag, Nested, TextMap } from '../common/fields';

const LABELS_AT_MOST = 20;

export class ScopeDto {
  @TextMap({ description: 'Labels that a thing must have, all of them with these very values' })
  labels: Record<string, string>;

  problems(): FieldError[] {
    const count = Object.keys(this.labels).length;
    if (count === 0)
      return [{ pointer: '/labels', detail: 'must have a label; leave the scope out for everything' }];
    return count > LABELS_AT_MOST
      ? [{ pointer: '/labels', detail: `must have at most ${LABELS_AT_MOST} labels` }]
      : [];
  }
}

/** What a grant or a token gives. */
export abstract class RightsDto {
  @Choice(ROLES, {
    description: 'Each role includes those before it; may be left out where `approve` is true',
    optional: true,
  })
  role?: Role;

  @Flag({ description: 'True: may approve and reject, which no role includes' })
  approve = false;

  @Nested(() => ScopeDto, { description: 'What it is for; by default everything', optional: true })
  scope?: ScopeDto;

  problems(): FieldError[] {
    const errors = (this.scope?.problems() ?? []).map((error) => within('/scope', error));
    if (this.role !== undefined || this.approve) return errors;
    return [
      ...errors,
      { pointer: '/role', detail: `must be one of ${ROLES.join(', ')}, unless approve is true` },
    ];
  }
}

export const grantOf = ({ role, approve, scope }: RightsDto): Grant => ({
  role: role ?? null,
  approve,
  scope: scope?.labels ?? null,
});

/** Returns a grant as it is shown. */
export const grantShown = ({ role, approve, scope }: Grant): object => ({
  ...(role === null ? {} : { role }),
  approve,
  ...(scope === null ? {} : { scope: { labels: scope } }),
});
