import { Button, Group, Modal, Stack } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../../api/client';
import { listQuery } from '../../api/lists';
import { rightsWords, type Token } from '../../api/people';
import { NumberOf, TextOf, type Draft } from '../../forms/definition-form';
import { Form } from '../../forms/form';
import { Problems, ProblemsOf, useProblems } from '../../forms/problems';
import { withMember, type JsonObject } from '../../forms/values';
import { Ask } from '../../parts/ask';
import { List } from '../../parts/list';
import { Section } from '../../parts/section';
import { ShownOnce } from '../../parts/shown-once';
import { Time } from '../../parts/time';
import { RightsFields } from './rights-fields';

interface TokensSectionProps {
  title: string;
  /** True where tokens of others are among them. */
  showsMaker?: boolean;
}

/** API tokens: made, shown once, and deleted. */
export function TokensSection({ title, showsMaker = false }: TokensSectionProps) {
  const list = useInfiniteQuery(listQuery<Token>('tokens'));
  const [isMaking, make] = useState(false);
  const [made, setMade] = useState<Token>();
  const [leaving, leave] = useState<Token>();
  const queries = useQueryClient();
  return (
    <Section
      title={title}
      beside={
        <Button variant="default" onClick={() => make(true)}>
          New token
        </Button>
      }
    >
      <Stack gap="sm">
        {made?.token === undefined ? null : <ShownOnce token={made.token} what={made.name} />}
        <List
          list={list}
          what="tokens"
          teach="A token lets a program do a part of what you may: a deployment that imports rules, a script that sends alerts."
        >
          {(tokens) => <TokenTable tokens={tokens} showsMaker={showsMaker} onDelete={leave} />}
        </List>
      </Stack>
      <Modal opened={isMaking} onClose={() => make(false)} title="New token" size="lg">
        <TokenForm
          onClose={() => make(false)}
          onMade={(token) => {
            setMade(token);
            make(false);
          }}
        />
      </Modal>
      {leaving === undefined ? null : (
        <Ask
          isOpen
          onClose={() => leave(undefined)}
          title={`Delete the token ${leaving.name}`}
          verb="Delete"
          isDangerous
          act={async () => {
            await answer(client.DELETE('/api/v1/tokens/{id}', { params: { path: { id: leaving.id } } }));
            await queries.invalidateQueries({ queryKey: ['tokens'] });
          }}
        >
          It is void at once: what uses it is refused.
        </Ask>
      )}
    </Section>
  );
}

interface TokenTableProps {
  tokens: readonly Token[];
  showsMaker: boolean;
  onDelete: (token: Token) => void;
}

const TokenTable = ({ tokens, showsMaker, onDelete }: TokenTableProps) => (
  <table className="rows">
    <thead>
      <tr>
        <th scope="col">Token</th>
        {showsMaker ? <th scope="col">Made by</th> : null}
        <th scope="col">May</th>
        <th scope="col">Last used</th>
        <th scope="col">Void</th>
        <th scope="col">
          <span className="visually-hidden">Deeds</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {tokens.map((token) => (
        <tr key={token.id}>
          <td dir="auto">{token.name}</td>
          {showsMaker ? <td data-column="Made by">{token.madeBy}</td> : null}
          <td>{rightsWords(token)}</td>
          <td data-column="Last used">
            {token.lastUsedAt === undefined ? 'never' : <Time at={token.lastUsedAt} />}
          </td>
          <td data-column="Void">
            <Time at={token.expiresAt} />
          </td>
          <td>
            <Button
              variant="subtle"
              size="compact-sm"
              aria-label={`Delete the token ${token.name}`}
              onClick={() => onDelete(token)}
            >
              Delete
            </Button>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

function TokenForm({ onClose, onMade }: { onClose: () => void; onMade: (token: Token) => void }) {
  const [definition, setDefinition] = useState<JsonObject>({ name: '', role: 'viewer' });
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: () => answer<Token>(client.POST('/api/v1/tokens', { body: definition as never })),
    onSuccess: async (token) => {
      await queries.invalidateQueries({ queryKey: ['tokens'] });
      onMade(token);
    },
  });
  const problems = useProblems(save.error);
  const set = (name: string) => (value: unknown) =>
    setDefinition((before) => withMember(before, name, value));
  const draft: Draft = { definition, set, change: setDefinition };
  return (
    <Form sends={save}>
      <ProblemsOf value={problems}>
        <Stack>
          <Problems problems={problems} />
          <TextOf draft={draft} name="name" label="Name" description="What it is for" isRequired />
          <RightsFields draft={draft} />
          <NumberOf
            draft={draft}
            name="expiresInDays"
            label="Expires"
            description="After how many days it is void"
            placeholder="90"
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" aria-busy={save.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </ProblemsOf>
    </Form>
  );
}
