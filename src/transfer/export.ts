import { Injectable, Logger } from '@nestjs/common';
import { PageQuery } from '../api/page-query';
import { FORM, SECTION_NAMES, type Section } from './document';
import { Rooms } from './rooms';

const PAGE = 500;

/** Document with everything that users have defined. */
export type Exported = { monscale: number } & Record<Section, object[]>;

@Injectable()
export class Export {
  private readonly logger = new Logger('Export');

  constructor(private readonly rooms: Rooms) {}

  /** Returns the document, without secrets, and ordered by name, so that two exports can be compared line by line. */
  async document(): Promise<Exported> {
    const document: Exported = {
      monscale: FORM,
      infrastructures: [],
      actions: [],
      services: [],
      sources: [],
      contacts: [],
    };
    for (const section of SECTION_NAMES) document[section] = await this.section(section);
    return document;
  }

  private async section(section: Section): Promise<object[]> {
    const definitions: { name: string }[] = [];
    let cursor: string | undefined;
    do {
      const { items, nextCursor } = await this.rooms.of[section].list(pageAfter(cursor));
      for (const item of items) {
        if ('problem' in item) {
          this.logger.warn(`${section} ${item.name} is left out of the export: ${String(item.problem)}`);
          continue;
        }
        const {
          id: _id,
          version: _version,
          createdAt: _c,
          updatedAt: _u,
          managedBy: _m,
          ...definition
        } = item as Shown;
        definitions.push(definition);
      }
      cursor = nextCursor;
    } while (cursor !== undefined);
    // By code points: the same order wherever it runs.
    return definitions.sort((one, other) => (one.name < other.name ? -1 : 1));
  }
}

const pageAfter = (cursor: string | undefined): PageQuery =>
  Object.assign(new PageQuery(), { limit: PAGE, cursor });

interface Shown {
  id: string;
  name: string;
  version: number;
  createdAt: string;
  updatedAt: string;
  managedBy?: string;
}
