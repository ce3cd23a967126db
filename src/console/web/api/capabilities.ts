/**
 * Parts of the API that are still to come. Each constant is typed by the API's description: once `npm run api:types` has
 * written it down, the compiler asks for `true`, and what stands in for it can go.
 */
import type { paths } from './schema';

type HasPath<P extends string> = P extends keyof paths ? true : false;

export const HAS_EVENTS: HasPath<'/api/v1/events'> = false;
