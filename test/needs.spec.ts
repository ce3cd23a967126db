import { needs, needsRight } from './needs';

describe('what specs need', () => {
  const before = process.env.TEST_NOTHING_MISSING;
  let said: string[];

  beforeEach(() => {
    said = [];
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  });

  afterEach(() => {
    jest.restoreAllMocks();
    if (before === undefined) delete process.env.TEST_NOTHING_MISSING;
    else process.env.TEST_NOTHING_MISSING = before;
  });

  it('is skipped where it is missing, and that is said once', () => {
    delete process.env.TEST_NOTHING_MISSING;
    expect([needs('a tool', false, 'a-package'), needs('a tool', false, 'a-package')]).toEqual([
      false,
      false,
    ]);
    expect(said).toEqual(['a tool is missing (apt-get install a-package): specs that need it are skipped\n']);
  });

  it('fails where nothing may be missing, and names the package', () => {
    process.env.TEST_NOTHING_MISSING = '1';
    expect(() => needs('another tool', false, 'its-package')).toThrow(/another tool is missing.*its-package/);
    expect(needs('a tool that is there', true, 'x')).toBe(true);
    expect(said).toEqual([]);
  });

  it('is skipped and said without a right, anywhere', () => {
    process.env.TEST_NOTHING_MISSING = '1';
    expect([needsRight('do this', false), needsRight('do that', true)]).toEqual([false, true]);
    expect(said).toEqual(['no right to do this here: specs that need it are skipped\n']);
  });
});
