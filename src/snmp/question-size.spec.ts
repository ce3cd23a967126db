import * as fc from 'fast-check';
import { QuestionSize } from './question-size';

const HOUR_MS = 3_600_000;

/** Asks an agent with a limit for some objects, as polls do. @returns questions that met silence */
function poll(size: QuestionSize, limit: number, objects: number, now = 0): number {
  let silences = 0;
  let atMost = size.atMost(now);
  for (let left = objects; left > 0;) {
    const asked = Math.min(left, atMost);
    left -= asked;
    if (asked <= limit) size.noteAnswer(asked);
    else {
      silences++;
      size.noteTooMany(asked, now);
      size.noteAnswer(1);
    }
    if (size.isLimited) atMost = Math.min(atMost, size.proven);
  }
  return silences;
}

describe('how many objects are asked for at once', () => {
  it.each([
    ['without a limit', 99, 40, [0, 0, 0], 40],
    ['of ten of fifteen', 10, 15, [1, 0, 0, 0, 0], 8],
    ['of one of three', 1, 3, [1, 1, 0, 0], 1],
    ['of one of forty', 1, 40, [1, 1, 0, 0], 1],
    ['of twenty of forty', 20, 40, [1, 0, 0, 0, 0, 1, 0], 16],
  ])('of an agent %s', (_, limit, objects, silences, atLast) => {
    const size = new QuestionSize();
    expect(silences.map(() => poll(size, limit, objects))).toEqual(silences);
    expect(size.atMost(0)).toBe(atLast);
  });

  it('comes to rest below the limit, at more than a quarter of it, and meets silence no more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 100 }), (limit, objects) => {
        const size = new QuestionSize();
        for (let polls = 0; polls < 10; polls++) poll(size, limit, objects);
        expect(poll(size, limit, objects)).toBe(0);
        const atMost = Math.min(size.atMost(0), objects);
        expect(atMost).toBeLessThanOrEqual(limit);
        expect(atMost * 4).toBeGreaterThan(Math.min(limit, objects, 40));
      }),
    );
  });

  it('is tried anew after six hours', () => {
    const size = new QuestionSize();
    poll(size, 1, 3);
    expect(size.atMost(5 * HOUR_MS)).toBeLessThan(3);
    expect(size.atMost(7 * HOUR_MS)).toBe(40);
  });

  it('is not less for a silence that an object explains, unless another follows', () => {
    const size = new QuestionSize();
    size.noteExplained(12, 0);
    expect([size.atMost(0), size.isLimited]).toEqual([40, false]);
    size.noteAnswer(11);
    size.noteExplained(2, 0);
    size.noteAnswer(1);
    expect(size.isLimited).toBe(false);
    size.noteExplained(11, 0);
    expect([size.atMost(0), size.isLimited]).toEqual([10, true]);
  });

  it('is not less for an agent that was away', () => {
    const size = new QuestionSize();
    poll(size, 99, 30);
    size.noteSilence();
    expect(size.hasAnswered(30)).toBe(false);
    expect(size.atMost(0)).toBe(40);
  });
});
