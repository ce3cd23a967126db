import type { Database } from '../database/database';
import { Partitions } from './partitions';

/** Table of samples or roll-ups, and the number of days in one partition. */
export interface Table {
  name: string;
  partitionDays: number;
  /** Storage parameters: rows of roll-ups are wide, and are read for one series, so they are kept in one piece. */
  storage?: string;
}

/** Roll-up: count, sum, min, max and last reading of each step of each series. */
export interface RollUp extends Table {
  stepSeconds: number;
}

export const RAW: Table = { name: 'samples', partitionDays: 1 };

const storage = 'WITH (toast_tuple_target = 8160)';
export const FIVE_MINUTES: RollUp = { name: 'samples_5m', partitionDays: 7, stepSeconds: 300, storage };
export const HOUR: RollUp = { name: 'samples_1h', partitionDays: 30, stepSeconds: 3_600, storage };

export const partitionsOf = (database: Database, { name, partitionDays, storage }: Table): Partitions =>
  new Partitions(database, name, partitionDays, storage);
