import { HashLanes, LATE_MS, REST_MS, WAIT_AT_MOST_MS, WAITING_AT_MOST, type Lane } from './hash-lanes';

type Thread = 'idle' | 'ready';

const late = () => new Error('late');

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Lanes whose hashes end when the spec says so. */
function bed() {
  const computing = { idle: new Map<string, () => void>(), ready: new Map<string, () => void>() };
  /** What was computed, in order, as `thread: name`. */
  const begun: string[] = [];
  const results: string[] = [];
  let most = 0;
  const thread = (which: Thread) => (name: string) =>
    new Promise<string>((resolve) => {
      begun.push(`${which}: ${name}`);
      computing[which].set(name, () => {
        computing[which].delete(name);
        resolve(`${name} by ${which}`);
      });
      most = Math.max(most, computing.idle.size + computing.ready.size);
    });
  const lanes = new HashLanes<string, string>({ idle: thread('idle'), ready: thread('ready') }, late);
  const settle = () => jest.advanceTimersByTimeAsync(0);
  return {
    lanes,
    begun,
    results,
    most: () => most,
    async come(lane: Lane, ...names: string[]) {
      for (const name of names)
        void lanes
          .hash(lane, async () => name)
          .then(
            (result) => results.push(result),
            (error: Error) => results.push(`${name}: ${error.message}`),
          );
      await settle();
    },
    async end(which: Thread) {
      for (const end of computing[which].values()) end();
      await settle();
    },
    pass: (ms: number) => jest.advanceTimersByTimeAsync(ms),
  };
}

test('one is computed at a time while the machine has room, however many wait', async () => {
  const { come, end, begun, results, most } = bed();
  await come('first', 'a', 'b', 'c');
  for (let ended = 0; ended < 3; ended++) await end('idle');
  expect(begun).toEqual(['idle: a', 'idle: b', 'idle: c']);
  expect(results).toEqual(['a by idle', 'b by idle', 'c by idle']);
  expect(most()).toBe(1);
});

test('whoever comes first is before all that failed lately', async () => {
  const { come, end, begun } = bed();
  await come('later', 'guess 1', 'guess 2', 'guess 3');
  await come('first', 'anna');
  for (let ended = 0; ended < 4; ended++) await end('idle');
  expect(begun).toEqual(['idle: guess 1', 'idle: anna', 'idle: guess 2', 'idle: guess 3']);
});

test.each(['first', 'later'] as const)('so many wait in the lane %s, and no more', async (lane) => {
  const { come, lanes } = bed();
  await come('first', 'computed');
  for (let waiting = 0; waiting < WAITING_AT_MOST[lane]; waiting++) {
    expect(lanes.isFull(lane)).toBe(false);
    await come(lane, `waits ${waiting}`);
  }
  expect(lanes.isFull(lane)).toBe(true);
  expect(lanes.isFull(lane === 'first' ? 'later' : 'first')).toBe(false);
});

test('on a full machine the first ones are computed by the other thread as well, two at a time at most', async () => {
  const { come, end, pass, begun, results, most } = bed();
  await come('first', 'a', 'b', 'c');
  await pass(LATE_MS - 1);
  expect(begun).toEqual(['idle: a']);
  await pass(1);
  for (let ended = 0; ended < 3; ended++) await end('ready');
  expect(begun).toEqual(['idle: a', 'ready: a', 'ready: b', 'ready: c']);
  expect(results).toEqual(['a by ready', 'b by ready', 'c by ready']);
  await end('idle');
  expect(results).toHaveLength(3);
  expect(most()).toBe(2);
});

test('a hash that the idle thread ends first is the result', async () => {
  const { come, end, pass, results } = bed();
  await come('first', 'a');
  await pass(LATE_MS);
  await end('idle');
  await end('ready');
  expect(results).toEqual(['a by idle']);
});

test('those that failed lately are computed by the other thread with a rest after each, the first ones at once', async () => {
  const { come, end, pass, begun } = bed();
  await come('later', 'guess 1', 'guess 2', 'guess 3');
  await pass(LATE_MS);
  await end('ready');
  await pass(REST_MS - 1);
  expect(begun).toEqual(['idle: guess 1', 'ready: guess 1']);
  await come('first', 'anna');
  await end('ready');
  expect(begun.slice(2)).toEqual(['ready: anna']);
  await pass(1);
  expect(begun.slice(3)).toEqual(['ready: guess 2']);
});

test('once the idle thread is on time again, it works alone', async () => {
  const { come, end, pass, begun } = bed();
  await come('first', 'a', 'b', 'c', 'd');
  await pass(LATE_MS);
  await end('ready');
  await end('idle');
  expect(begun).toEqual(['idle: a', 'ready: a', 'ready: b', 'idle: c']);
  await end('ready');
  await end('idle');
  expect(begun.slice(4)).toEqual(['idle: d']);
});

test('what is refused at its turn, or can’t be computed, frees the thread for the next', async () => {
  const { come, end, lanes, results } = bed();
  await expect(lanes.hash('first', () => Promise.reject(new Error('locked')))).rejects.toThrow('locked');
  const broken = new HashLanes<string, string>(
    {
      idle: (name) => (name === 'bad' ? Promise.reject(new Error('thread ended')) : Promise.resolve(name)),
      ready: () => Promise.reject(new Error('not asked')),
    },
    late,
  );
  await expect(broken.hash('first', async () => 'bad')).rejects.toThrow('thread ended');
  await expect(broken.hash('first', async () => 'good')).resolves.toBe('good');
  await come('first', 'a');
  await end('idle');
  expect(results).toEqual(['a by idle']);
});

test('an idle thread that ends in error does not fail what the other one computes', async () => {
  let fail!: (error: Error) => void;
  const lanes = new HashLanes<string, string>(
    { idle: () => new Promise((_, reject) => (fail = reject)), ready: async (name) => name },
    late,
  );
  const hashed = lanes.hash('first', async () => 'a');
  await jest.advanceTimersByTimeAsync(LATE_MS);
  fail(new Error('given up'));
  await expect(hashed).resolves.toBe('a');
});

test('who has waited too long is refused, and nothing is computed for them', async () => {
  const { come, end, pass, begun, results, lanes } = bed();
  await come('later', 'guess 1', 'guess 2', 'guess 3');
  await pass(LATE_MS);
  for (let waited = 0; waited < WAIT_AT_MOST_MS; waited += REST_MS) {
    await come('first', `first ${waited}`);
    await end('ready');
    await pass(REST_MS);
  }
  expect(results.filter((result) => /guess [23]/.test(result))).toEqual(['guess 2: late', 'guess 3: late']);
  expect(begun.filter((name) => /guess [23]/.test(name))).toEqual([]);
  expect(lanes.isFull('later')).toBe(false);
});
