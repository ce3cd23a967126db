/** Starts the console in the browser. */
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import { Problem } from './api/problem';
import { watchLife } from './app/life';
import { listen, refetchInterval } from './app/live';
import { theme, variables } from './app/theme';
import { whenSignedOut } from './app/sign-in-again';
import { makeRouter } from './routes';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      refetchInterval,
      staleTime: 1_000,
      // What was refused is refused again; what was not answered may be, and is asked again by the interval.
      retry: (failures, error) => failures < 2 && error instanceof Problem && error.status === 0,
    },
  },
});
const router = makeRouter(queries);

whenSignedOut(() => {
  const { pathname, href } = router.state.location;
  if (pathname === '/login' || pathname === '/setup') return;
  void router.navigate({ to: '/login', search: { returnTo: href } });
});
watchLife();
listen(queries);

const show = () =>
  createRoot(document.getElementById('root')!).render(
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  );
// Until there is a page to show, the frame that came with the document stays: no blank in between. Whatever fails, the router shows.
void router.load().then(show, show);
