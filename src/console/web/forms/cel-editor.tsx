/** CodeMirror for CEL: one chunk of its own, loaded with the first condition that is edited. */
import {
  autocompletion,
  closeBrackets,
  completionKeymap,
  type CompletionContext,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { linter, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { useQuery } from '@tanstack/react-query';
import { mappingsQuery } from '../api/queries';
import type { Mappings } from '../api/shapes';
import { askEngine } from '../backtest/engine';

const look = EditorView.theme({
  '&': { fontSize: '0.9rem' },
  '&.cm-focused': { outline: '2px solid light-dark(#1864ab, #74b8f7)' },
  '.cm-content': { fontFamily: 'var(--mantine-font-family-monospace)', padding: '8px 0' },
  '.cm-cursor': { borderLeftColor: 'currentColor' },
  '.cm-tooltip': { background: 'var(--mantine-color-body)', border: '1px solid var(--line)' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    background: 'light-dark(#d0ebff, #123b5c)',
    color: 'inherit',
  },
});

/** Returns what the engine says against an expression, at its column. */
async function mistakes(text: string, metrics: readonly string[]): Promise<Diagnostic[]> {
  if (text.trim() === '') return [];
  const message = await askEngine<string | undefined>({ kind: 'check', text, metrics }).catch(
    () => undefined,
  );
  if (message === undefined) return [];
  const [, line = '1', column = '1'] = /\((?:line (\d+), )?column (\d+)\)/.exec(message) ?? [];
  const before = text.split('\n').slice(0, Number(line) - 1);
  const at = before.join('\n').length + (before.length > 0 ? 1 : 0) + Number(column) - 1;
  const from = Math.min(at, text.length - 1);
  return [{ from, to: from + 1, severity: 'error', message }];
}

type Functions = Mappings['conditionFunctions'];

const completions = (metrics: readonly string[], known: Functions) => (context: CompletionContext) => {
  const word = context.matchBefore(/[A-Za-z_]\w*/);
  if (word === null && !context.explicit) return null;
  const functions = known.map(({ name, signature, description }) => ({
    label: name,
    type: 'function',
    detail: signature,
    info: description,
    apply: `${name}(`,
  }));
  return {
    from: word?.from ?? context.pos,
    options: [...metrics.map((name) => ({ label: name, type: 'variable' })), ...functions],
  };
};

interface CelEditorProps {
  attributes: Record<string, string>;
  value: string;
  metrics: readonly string[];
  onChange: (value: string) => void;
}

export function CelEditor({ attributes, value, metrics, onChange }: CelEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const changed = useRef(onChange);
  changed.current = onChange;
  const { data: mappings } = useQuery(mappingsQuery);
  const functions = useRef<Functions>([]);
  functions.current = mappings?.conditionFunctions ?? [];
  const parts = useRef({ attributes: new Compartment(), names: new Compartment() });

  useEffect(() => {
    const { attributes: forAttributes, names } = parts.current;
    const editor = new EditorView({
      parent: place.current!,
      state: EditorState.create({
        doc: value,
        extensions: [
          history(),
          closeBrackets(),
          // Tab goes on to the next field.
          keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap]),
          look,
          EditorView.lineWrapping,
          forAttributes.of([]),
          names.of([]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
    // Made once; what changes later is changed in place.
  }, []);

  const attributesKey = JSON.stringify(attributes);
  useEffect(() => {
    const effect = parts.current.attributes.reconfigure(
      EditorView.contentAttributes.of(JSON.parse(attributesKey) as Record<string, string>),
    );
    view.current?.dispatch({ effects: effect });
  }, [attributesKey]);

  const names = metrics.join(' ');
  useEffect(() => {
    const known = names === '' ? [] : names.split(' ');
    const effect = parts.current.names.reconfigure([
      linter((editor) => mistakes(editor.state.doc.toString(), known), { delay: 300 }),
      autocompletion({
        override: [(context) => completions(known, functions.current)(context)],
        activateOnTyping: true,
      }),
    ]);
    view.current?.dispatch({ effects: effect });
  }, [names]);

  useEffect(() => {
    const editor = view.current;
    const shown = editor?.state.doc.toString();
    if (editor === undefined || shown === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  return <div className="cel" ref={place} />;
}
