/** The engine beside the page: replays rules and finds mistakes in conditions, while the page goes on. */
import { compileCondition } from '../../../engine/condition';
import { recordsOf, replay, type BacktestRule, type Recording } from './replay';

export type Question =
  | { kind: 'record'; key: string; recording: Recording }
  | { kind: 'replay'; key: string; rule: BacktestRule }
  | { kind: 'check'; text: string; metrics: readonly string[] };

export interface Asked {
  id: number;
  question: Question;
}

export type Answered = { id: number } & ({ value: unknown } | { error: string });

interface Port {
  onmessage: ((event: { data: Asked }) => void) | null;
  postMessage: (answer: Answered) => void;
}

const port = globalThis as unknown as Port;

/** The newest recording: the page shows one. */
let recorded: { key: string; recording: Recording; records: ReturnType<typeof recordsOf> } | undefined;

port.onmessage = ({ data: { id, question } }) => {
  void answer(question).then(
    (value) => port.postMessage({ id, value }),
    (error: unknown) =>
      port.postMessage({ id, error: error instanceof Error ? error.message : String(error) }),
  );
};

async function answer(question: Question): Promise<unknown> {
  switch (question.kind) {
    case 'record':
      recorded = {
        key: question.key,
        recording: question.recording,
        records: recordsOf(question.recording),
      };
      return undefined;
    case 'replay':
      if (recorded?.key !== question.key) throw new Error('the readings are not here yet');
      return replay(question.rule, recorded.recording, recorded.records);
    case 'check':
      return mistakeIn(question.text, question.metrics);
  }
}

/** Returns what is wrong with a condition; undefined where nothing is. */
function mistakeIn(text: string, metrics: readonly string[]): string | undefined {
  try {
    compileCondition(text, metrics);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
