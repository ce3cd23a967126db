import { isNode, LineCounter, parseDocument } from 'yaml';

/** Finds the lines of JSON pointers in YAML: of the field itself, else of the deepest thing around it that is there. */
export default function places({ text, pointers }: { text: string; pointers: string[] }): (number | null)[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, stringKeys: true, uniqueKeys: false });
  return pointers.map((pointer) => {
    const steps = pointer
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    for (let length = steps.length; length > 0; length--) {
      const found = document.getIn(steps.slice(0, length).map(numberOrText), true);
      if (isNode(found) && found.range) return lines.linePos(found.range[0]).line;
    }
    return null;
  });
}

const numberOrText = (step: string): number | string => (/^\d{1,9}$/.test(step) ? Number(step) : step);
