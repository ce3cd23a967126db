import { SilentObjects } from './silent-objects';

const OIDS = ['1.1', '1.2', '1.3'];

describe('an object that met silence alone', () => {
  it('is asked for after the others, and after those that met it longer ago', () => {
    const objects = new SilentObjects();
    expect(objects.suspectsLast(OIDS)).toEqual(OIDS);
    objects.noteSilence('1.1', false);
    expect(objects.suspectsLast(OIDS)).toEqual(['1.2', '1.3', '1.1']);
    for (const oid of ['1.2', '1.3', '1.1']) objects.noteSilence(oid, false);
    expect(objects.suspectsLast(OIDS)).toEqual(['1.2', '1.3', '1.1']);
    expect(objects.suspectsLast(['1.1', '1.4'])).toEqual(['1.4', '1.1']);
  });

  it('is known as silent where the agent answered something else, also when it is away later, until it is answered', () => {
    const objects = new SilentObjects();
    objects.noteSilence('1.1', false);
    expect([objects.has('1.1'), objects.isEmpty]).toEqual([false, false]);
    for (const isThere of [true, false]) {
      objects.noteSilence('1.1', isThere);
      expect(objects.has('1.1')).toBe(true);
    }
    objects.noteAnswer(['1.2', '1.1']);
    expect([objects.has('1.1'), objects.isEmpty]).toEqual([false, true]);
  });

  it('is forgotten when sixty-four others met it since', () => {
    const objects = new SilentObjects();
    for (let n = 0; n <= 64; n++) objects.noteSilence(`1.${n}`, true);
    expect([objects.has('1.0'), objects.has('1.1'), objects.has('1.64')]).toEqual([false, true, true]);
  });
});
