import { Badge, Button } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { answer, client } from '../../api/client';
import { listQuery } from '../../api/lists';
import type { UserSession } from '../../api/people';
import { useSession } from '../../app/rights';
import { List } from '../../parts/list';
import { Failure } from '../../parts/page';
import { Section } from '../../parts/section';
import { Time } from '../../parts/time';

interface SessionsSectionProps {
  title: string;
  /** Everybody's, else one's own. */
  showsUser?: boolean;
}

/** Sessions that live; each can be ended. */
export function SessionsSection({ title, showsUser = false }: SessionsSectionProps) {
  const list = useInfiniteQuery(listQuery<UserSession>('sessions'));
  const { user } = useSession();
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: (id: string) => answer(client.DELETE('/api/v1/sessions/{id}', { params: { path: { id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['sessions'] }),
  });
  return (
    <Section title={title}>
      <Failure error={end.error} />
      <List list={list} what="sessions" teach="Nobody is signed in with a password or by a provider.">
        {(sessions) => (
          <table className="rows">
            <thead>
              <tr>
                {showsUser ? <th scope="col">User</th> : null}
                <th scope="col">From</th>
                <th scope="col">Signed in</th>
                <th scope="col">Last used</th>
                <th scope="col">
                  <span className="visually-hidden">Deeds</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {sessions
                .filter((session) => showsUser || session.user === user.name)
                .map((session) => (
                  <tr key={session.id}>
                    {showsUser ? <td dir="auto">{session.user}</td> : null}
                    <td>
                      {session.address} {session.current ? <Badge variant="default">this one</Badge> : null}
                      <div className="hint">{session.agent}</div>
                    </td>
                    <td data-column="Signed in">
                      <Time at={session.createdAt} />
                    </td>
                    <td data-column="Last used">
                      <Time at={session.lastUsedAt} />
                    </td>
                    <td>
                      {session.current ? null : (
                        <Button
                          variant="subtle"
                          size="compact-sm"
                          aria-label={`End the session of ${session.user} from ${session.address}`}
                          onClick={() => end.mutate(session.id)}
                        >
                          End
                        </Button>
                      )}
                    </td>
                  </tr>
                ))}
            </tbody>
          </table>
        )}
      </List>
    </Section>
  );
}
