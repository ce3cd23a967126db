/** All pages by their paths. A page is loaded when it is first opened. */
import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  type AnyRoute,
  type RouteComponent,
} from '@tanstack/react-router';
import { Problem } from './api/problem';
import { sessionQuery } from './api/queries';
import { serviceCountsQuery, servicesQuery, wrongServicesQuery, type ServicesFilter } from './api/services';
import type { Right } from './api/shapes';
import { BASE } from './app/base';
import { useMay } from './app/rights';
import { parseSearch, stringifySearch } from './app/search';
import { Shell } from './app/shell';
import { Failure, NotYours, Page } from './parts/page';

interface Context {
  queries: QueryClient;
}

const root = createRootRouteWithContext<Context>()({ component: Outlet });

/** What is below it needs a session: without one, one is led to `/login` and back. */
const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  component: Shell,
  beforeLoad: async ({ context: { queries }, location }) => {
    const session = await queries.ensureQueryData(sessionQuery).catch((error: unknown) => error);
    if (session instanceof Problem && session.status === 401)
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- as the router wants it
      throw redirect({ to: '/login', search: { returnTo: location.href } });
    if (session instanceof Error) throw session;
  },
});

type Module = Record<string, unknown>;
/** What of the router's concerns a page that is opened. */
interface Opened {
  cause: 'preload' | 'enter' | 'stay';
  context: Context;
  location: { search: object };
}

/** Begins to read what a page shows, and waits for none of it. */
type Begin = (queries: QueryClient, search: object) => void;

/**
 * Makes the route of a page for who is signed in.
 *
 * @param load loads the file that exports the page's component
 * @param name of that component
 * @param needs right without which the page says "You may not see this"
 * @param begin called when one points at a link to it, or opens it: what it shows is asked for beside its script
 */
function page<M extends Module>(
  path: string,
  load: () => Promise<M>,
  name: keyof M & string,
  needs: Right = 'viewer',
  begin?: Begin,
): AnyRoute {
  const Loaded = lazyRouteComponent(load, name) as RouteComponent & {
    /** Gone once it is loaded. */
    preload?: () => Promise<void>;
  };
  const component = () => (useMay(needs) ? <Loaded /> : <NotYours />);
  // The router loads it before it shows the page: what React has to wait for it shows 300 ms late.
  component.preload = async () => Loaded.preload?.();
  return createRoute({
    getParentRoute: () => signedIn,
    path,
    component,
    // Where one stays on the page, it asks itself.
    loader: ({ cause, context, location }: Opened) => {
      if (cause !== 'stay') begin?.(context.queries, location.search);
    },
  });
}

const outside = (path: string, load: () => Promise<Module>, name: string): AnyRoute =>
  createRoute({
    getParentRoute: () => root,
    path,
    component: lazyRouteComponent(load, name) as RouteComponent,
  });

const beginOverview: Begin = (queries) => {
  void queries.prefetchQuery(serviceCountsQuery({}));
  void queries.prefetchInfiniteQuery(wrongServicesQuery);
};

const beginServices: Begin = (queries, search) => {
  const filter = search as ServicesFilter;
  void queries.prefetchInfiniteQuery(servicesQuery(filter));
  void queries.prefetchQuery(serviceCountsQuery({ ...filter, phase: undefined }));
};

/** What is called `new`, as the forms are, is at `/new/view`. */
const PAGES = [
  page('/', () => import('./pages/overview'), 'Overview', 'viewer', beginOverview),
  page('/services', () => import('./pages/services'), 'Services', 'viewer', beginServices),
  page('/services/new', () => import('./pages/service-editor'), 'NewService', 'editor'),
  page('/services/$name', () => import('./pages/service'), 'ServicePage'),
  page('/services/$name/view', () => import('./pages/service'), 'ServicePage'),
  page('/services/$name/edit', () => import('./pages/service-editor'), 'EditService', 'editor'),
  page('/actions', () => import('./pages/actions'), 'Actions'),
  page('/actions/new', () => import('./pages/actions/action-form'), 'NewAction', 'editor'),
  page('/actions/$name', () => import('./pages/action'), 'ActionPage'),
  page('/actions/$name/view', () => import('./pages/action'), 'ActionPage'),
  page('/actions/$name/edit', () => import('./pages/actions/action-form'), 'EditAction', 'editor'),
  page('/executions', () => import('./pages/executions'), 'Executions'),
  page('/executions/$id', () => import('./pages/execution'), 'ExecutionPage'),
  page('/approvals', () => import('./pages/approvals'), 'Approvals'),
  page('/infrastructures', () => import('./pages/infrastructures'), 'Infrastructures'),
  page(
    '/infrastructures/new',
    () => import('./pages/infrastructures/infrastructure-form'),
    'NewInfrastructure',
    'editor',
  ),
  page('/infrastructures/$name', () => import('./pages/infrastructure'), 'InfrastructurePage'),
  page('/infrastructures/$name/view', () => import('./pages/infrastructure'), 'InfrastructurePage'),
  page(
    '/infrastructures/$name/edit',
    () => import('./pages/infrastructures/infrastructure-form'),
    'EditInfrastructure',
    'editor',
  ),
  page('/alerts', () => import('./pages/alerts'), 'Alerts'),
  page('/sources', () => import('./pages/sources'), 'Sources'),
  page('/sources/new', () => import('./pages/sources/source-form'), 'NewSource', 'admin'),
  page('/sources/$name', () => import('./pages/source'), 'SourcePage'),
  page('/sources/$name/view', () => import('./pages/source'), 'SourcePage'),
  page('/sources/$name/edit', () => import('./pages/sources/source-form'), 'EditSource', 'admin'),
  page('/silences', () => import('./pages/silences'), 'Silences'),
  page('/silences/new', () => import('./pages/silences/silence-form'), 'NewSilence', 'operator'),
  page('/silences/$id', () => import('./pages/silences/silence-form'), 'EditSilence', 'operator'),
  page('/contacts', () => import('./pages/contacts'), 'Contacts'),
  page('/contacts/new', () => import('./pages/contacts/contact-form'), 'NewContact', 'admin'),
  page('/contacts/$name', () => import('./pages/contact'), 'ContactPage'),
  page('/contacts/$name/view', () => import('./pages/contact'), 'ContactPage'),
  page('/contacts/$name/edit', () => import('./pages/contacts/contact-form'), 'EditContact', 'admin'),
  page('/import', () => import('./pages/import'), 'ImportPage'),
  page('/people', () => import('./pages/people'), 'People', 'admin'),
  page('/people/new', () => import('./pages/people/user-form'), 'NewUser', 'admin'),
  page('/people/$name', () => import('./pages/people/user-form'), 'EditUser', 'admin'),
  page('/people/$name/view', () => import('./pages/people/user-form'), 'EditUser', 'admin'),
  page('/account', () => import('./pages/account'), 'Account'),
  page('/audit', () => import('./pages/audit'), 'Audit', 'admin'),
  page('/system', () => import('./pages/system'), 'System'),
];

const OUTSIDE = [
  outside('/login', () => import('./pages/login'), 'Login'),
  outside('/setup', () => import('./pages/setup'), 'Setup'),
];

const NothingHere = () => (
  <Page title="There is nothing here">
    <p>This path leads to no page.</p>
  </Page>
);

const Failed = ({ error }: { error: unknown }) => (
  <Page title="Something went wrong">
    <Failure error={error} />
  </Page>
);

export const makeRouter = (queries: QueryClient) =>
  createRouter({
    routeTree: root.addChildren([signedIn.addChildren(PAGES), ...OUTSIDE]),
    context: { queries },
    basepath: BASE,
    defaultNotFoundComponent: NothingHere,
    defaultErrorComponent: Failed,
    defaultPreload: 'intent',
    scrollRestoration: true,
    parseSearch,
    stringifySearch,
  });
