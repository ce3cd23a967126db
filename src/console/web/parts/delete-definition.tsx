import { useState, type ReactNode } from 'react';
import { Button } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { deleteDefinition, type Kind } from '../api/lists';
import { Ask } from './ask';

interface DeleteDefinitionProps {
  kind: Kind;
  id: string;
  name: string;
  /** Page that is shown afterwards. */
  then: string;
  /** What goes with it, and what stays. */
  children: ReactNode;
}

/** Button that deletes a definition, once it has asked. */
export function DeleteDefinition({ kind, id, name, then, children }: DeleteDefinitionProps) {
  const [isAsking, ask] = useState(false);
  const navigate = useNavigate();
  return (
    <>
      <Button variant="default" onClick={() => ask(true)}>
        Delete
      </Button>
      <Ask
        isOpen={isAsking}
        onClose={() => ask(false)}
        title={`Delete ${name}`}
        verb="Delete"
        isDangerous
        act={async () => {
          await deleteDefinition(kind, id);
          await navigate({ to: then });
        }}
      >
        {children}
      </Ask>
    </>
  );
}
