import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../../api/client';
import { wordsOf } from '../../api/problem';
import type { Walk } from '../../api/shapes';
import { isObject, type Json } from '../../forms/values';

/** The standard's own tree: where most agents begin. */
const BELOW = '1.3.6.1.2.1';

interface WalkSnmpProps {
  params: Json;
  onPick: (oid: string) => void;
}

/** Objects of the agent that the metric's params name, to pick one from. */
export function WalkSnmp({ params, onPick }: WalkSnmpProps) {
  const [isOpen, open] = useState(false);
  const [below, setBelow] = useState(BELOW);
  const [search, setSearch] = useState('');
  const walking = useMutation({
    mutationFn: (oid: string) =>
      answer<Walk>(
        client.POST('/api/v1/tools/snmp/walk', {
          body: { ...(isObject(params) ? params : {}), oid } as never,
        }),
      ),
  });
  const wanted = search.trim().toLowerCase();
  const rows = (walking.data?.rows ?? []).filter(({ oid, value }) =>
    `${oid} ${value}`.toLowerCase().includes(wanted),
  );
  return (
    <div>
      <Button
        variant="default"
        onClick={() => {
          open(true);
          walking.mutate(below);
        }}
      >
        Walk
      </Button>
      <Modal opened={isOpen} onClose={() => open(false)} title="Objects of this agent" size="xl">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            // The form of the service is around this one, as far as React sees.
            event.stopPropagation();
            walking.mutate(below);
          }}
        >
          <Group align="flex-end" gap="sm">
            <TextInput
              label="Below"
              value={below}
              onChange={(event) => setBelow(event.currentTarget.value)}
            />
            <Button type="submit" aria-busy={walking.isPending}>
              Walk
            </Button>
            <TextInput
              label="Search"
              value={search}
              onChange={(event) => setSearch(event.currentTarget.value)}
            />
          </Group>
        </form>
        <div role="status">
          {walking.isPending ? 'Walking…' : null}
          {walking.isError ? <p className="problem">{wordsOf(walking.error)}</p> : null}
          {walking.data?.error === undefined ? null : <p className="problem">{walking.data.error}</p>}
        </div>
        <table className="rows">
          <thead>
            <tr>
              <th scope="col">Object</th>
              <th scope="col">Value</th>
              <th scope="col">Number</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.oid}>
                <td>
                  <Button
                    variant="subtle"
                    size="compact-sm"
                    onClick={() => {
                      onPick(row.oid);
                      open(false);
                    }}
                  >
                    {row.oid}
                  </Button>
                </td>
                <td>{row.value}</td>
                <td className="number">{row.number ?? '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Modal>
    </div>
  );
}
