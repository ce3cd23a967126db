import { networkProblem } from '../../common/addresses';
import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Decimal, ListOf, Text, TextList } from '../../common/fields';
import { OID, OID_HINT, oidProblem } from '../../snmp/oid';
import { SnmpUserParams, userProblems } from '../../snmp/snmp-user-params';
import { AlertFormatMapping, type AlertFormat, type Parsed } from './alert-format';

const MAX_LIFE_SECONDS = 31_536_000;
const KEY =
  'What tells apart those of one sender: OIDs whose row, or whose value where there is no row, is part of the key';

/** A pair of notifications, one of which ends what the other began. */
export class SnmpPair {
  @Text({
    description: 'OID of the notification that begins it',
    pattern: OID,
    patternHint: OID_HINT,
    check: oidProblem,
  })
  raise: string;

  @Text({
    description: 'OID of the one that ends it',
    pattern: OID,
    patternHint: OID_HINT,
    check: oidProblem,
  })
  clear: string;

  @TextList({ description: KEY, maxItems: 10 })
  key: string[] = [];

  @Decimal({
    description: 'It ends by itself when it was not begun again for so long; without this only by its clear',
    unit: 's',
    minimum: 1,
    maximum: MAX_LIFE_SECONDS,
    optional: true,
  })
  lifeSeconds?: number;
}

/** A notification that nothing ends. */
export class SnmpEvent {
  @Text({ description: 'OID of the notification', pattern: OID, patternHint: OID_HINT, check: oidProblem })
  oid: string;

  @TextList({ description: KEY, maxItems: 10 })
  key: string[] = [];

  @Decimal({
    description: 'How long it lives',
    unit: 's',
    minimum: 1,
    maximum: MAX_LIFE_SECONDS,
    optional: true,
  })
  lifeSeconds?: number;
}

export class SnmpSourceParams implements SelfChecking {
  @TextList({ directs: 'nothing', description: 'Communities that are accepted', secret: true, maxItems: 100 })
  communities: string[] = ['public'];

  @ListOf(() => SnmpUserParams, { directs: 'nothing', description: 'Users that are accepted, for version 3' })
  users: SnmpUserParams[] = [];

  @TextList({
    directs: 'nothing',
    description: 'Networks that notifications may come from; none: from anywhere',
    maxItems: 1_000,
  })
  allowFrom: string[] = [];

  @TextList({
    directs: 'nothing',
    description:
      'Networks of relays: of what comes from them, the agent address (v1) or snmpTrapAddress.0 says who sent it',
    maxItems: 100,
  })
  relays: string[] = [];

  @ListOf(() => SnmpPair, {
    directs: 'nothing',
    description: 'Notifications that begin and end something; linkDown and linkUp are one',
  })
  pairs: SnmpPair[] = [];

  @ListOf(() => SnmpEvent, {
    directs: 'nothing',
    description: 'Notifications that live longer or shorter than others',
  })
  events: SnmpEvent[] = [];

  problems(): FieldError[] {
    const networks = (['allowFrom', 'relays'] as const).flatMap((name) =>
      this[name].flatMap((network, index) => {
        const detail = networkProblem(network);
        return detail === undefined ? [] : [{ pointer: `/${name}/${index}`, detail }];
      }),
    );
    const users = this.users.flatMap((user, index) => userProblems(user, `/users/${index}`));
    const names = this.users.map(({ user }) => user);
    const twice = names.flatMap((name, index) =>
      names.indexOf(name) < index ? [{ pointer: `/users/${index}/user`, detail: 'is there twice' }] : [],
    );
    return [
      ...networks,
      ...users,
      ...twice,
      ...keyProblems('pairs', this.pairs),
      ...keyProblems('events', this.events),
    ];
  }
}

function keyProblems(name: string, items: readonly { key: string[] }[]): FieldError[] {
  return items.flatMap(({ key }, index) =>
    key.flatMap((oid, at) => {
      const detail = OID.test(oid) ? oidProblem(oid) : OID_HINT;
      return detail === undefined ? [] : [{ pointer: `/${name}/${index}/key/${at}`, detail }];
    }),
  );
}

@AlertFormatMapping({
  type: 'snmp',
  title: 'SNMP notifications',
  description: 'Traps and informs (v1, v2c, v3) that the trap listener receives over UDP',
  params: SnmpSourceParams,
})
export class Snmp implements AlertFormat<SnmpSourceParams> {
  /** Returns nothing: SNMP notifications come over UDP, never by a request. */
  parse(): Parsed[] {
    return [];
  }
}
