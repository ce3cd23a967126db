/**
 * Parts of the API that are still to come. Each constant is typed by the API's description: once `npm run api:types` has
 * written it down, the compiler asks for `true`, and what stands in for it can go.
 */
import type { paths } from './schema';

type HasPath<P extends string> = P extends keyof paths ? true : false;
type QueryOf<P extends keyof paths> = paths[P] extends { get: { parameters: { query?: infer Q } } }
  ? keyof NonNullable<Q>
  : never;
type HasFilter<P extends keyof paths, F extends string> = F extends QueryOf<P> ? true : false;

export const HAS_EVENTS: HasPath<'/api/v1/events'> = false;
export const HAS_VERSIONS: HasPath<'/api/v1/services/{ref}/versions'> = false;
export const LISTS_SEARCH: HasFilter<'/api/v1/services', 'search'> = false;
export const HAS_COUNTS: HasPath<'/api/v1/services/counts'> = false;
