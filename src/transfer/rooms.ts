import { Injectable } from '@nestjs/common';
import { Actions } from '../actions/actions';
import { Sources } from '../alerts/sources';
import type { StoredDefinitions } from '../api/stored-definitions';
import { Contacts } from '../contacts/contacts';
import type { DefinitionRow } from '../database/entities';
import { Infrastructures } from '../infrastructures/infrastructures';
import { Services } from '../services/services';
import type { Section } from './document';

/** Modules that keep the definitions of each section. */
@Injectable()
export class Rooms {
  readonly of: Readonly<Record<Section, StoredDefinitions<DefinitionRow>>>;

  constructor(
    infrastructures: Infrastructures,
    actions: Actions,
    readonly services: Services,
    sources: Sources,
    contacts: Contacts,
  ) {
    this.of = { infrastructures, actions, services, sources, contacts };
  }
}
