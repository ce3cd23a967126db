import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { check } from '../common/check';
import { InvalidInput, type FieldError } from '../common/errors';
import { differences, RuleTestDto } from '../simulation/rule-test';
import { SECTION_NAMES } from '../transfer/document';
import { fromYaml } from '../transfer/yaml';
import { Offline } from './offline';

export interface TestResult {
  name: string;
  service: string;
  /** Lines for people; none when it passed. */
  differences: string[];
}

/** Test file: its rules, and its tests. */
interface TestFile {
  document: Record<string, unknown[]>;
  tests: RuleTestDto[];
}

/**
 * Runs the tests of one file.
 *
 * @throws InvalidInput naming what is wrong with the file or with its rules
 */
export async function runTestFile(path: string): Promise<TestResult[]> {
  const { document, tests } = readTestFile(path);
  const offline = await Offline.start();
  try {
    const rules = await offline.rules(document);
    const results: TestResult[] = [];
    for (const [index, test] of tests.entries()) {
      const simulatedRule = rules.get(test.service);
      if (simulatedRule === undefined) {
        const known = [...rules.keys()].join(', ') || 'none';
        const detail = `there is no service ${JSON.stringify(test.service)}; the rules have ${known}`;
        throw new InvalidInput([{ pointer: `/tests/${index}/service`, detail }]);
      }
      checkMetrics(test, index, Object.keys(simulatedRule().compiled.service.metrics));
      results.push({
        name: test.name,
        service: test.service,
        differences: await differences(test, simulatedRule(test.nodes)),
      });
    }
    return results;
  } finally {
    await offline.close();
  }
}

function readTestFile(path: string): TestFile {
  const file = yamlOf(path);
  const errors: FieldError[] = [];
  const { rules = [], tests, ...inline } = file;
  const document = documentOf([
    ...[rules].flat().map((name) => yamlOf(resolve(dirname(path), String(name)))),
    inline,
  ]);
  if (!Array.isArray(tests) || tests.length === 0) {
    throw new InvalidInput([{ pointer: '/tests', detail: 'must be a list of at least one test' }]);
  }
  const checked = tests.flatMap((test, index) => {
    const { value, errors: wrong } = check(RuleTestDto, test, `/tests/${index}`);
    errors.push(...wrong);
    return value ?? [];
  });
  if (errors.length > 0) throw new InvalidInput(errors);
  return { document, tests: checked };
}

function yamlOf(path: string): Record<string, unknown> {
  const content = fromYaml(readFileSync(path, 'utf8'));
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    return content as Record<string, unknown>;
  }
  throw new InvalidInput([{ pointer: '', detail: `${path} must hold an object` }]);
}

/** Returns several documents as one. */
function documentOf(parts: readonly Record<string, unknown>[]): Record<string, unknown[]> {
  const document: Record<string, unknown[]> = {};
  for (const { monscale: _, ...part } of parts) {
    for (const [section, given] of Object.entries(part)) {
      const isKnown = SECTION_NAMES.some((name) => name === section) && Array.isArray(given);
      if (!isKnown) {
        const detail = `is not known here; there may be rules, tests, ${SECTION_NAMES.join(', ')}, each a list`;
        throw new InvalidInput([{ pointer: `/${section}`, detail }]);
      }
      document[section] = [...(document[section] ?? []), ...(given as unknown[])];
    }
  }
  return document;
}

function checkMetrics({ series }: RuleTestDto, index: number, metrics: readonly string[]): void {
  const unknown = Object.keys(series).filter((metric) => !metrics.includes(metric));
  if (unknown.length === 0) return;
  const detail = `is no metric of the service; it has ${metrics.join(', ')}`;
  throw new InvalidInput(unknown.map((metric) => ({ pointer: `/tests/${index}/series/${metric}`, detail })));
}
