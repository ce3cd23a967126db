import { SentQuestion } from './sent-question';

const ANSWER = { readings: [{ value: 1 }] };

describe('a question that was sent', () => {
  const over = jest.fn();
  const soon = jest.fn();
  let sent: SentQuestion;

  beforeEach(() => {
    jest.clearAllMocks();
    sent = new SentQuestion(over);
  });

  it('is answered in its first try', async () => {
    sent.whenSoon(soon);
    sent.end(ANSWER);
    sent.late();
    expect(soon.mock.calls).toEqual([[ANSWER]]);
    expect(await sent.answer).toBe(ANSWER);
  });

  it('is late, and answered all the same', async () => {
    sent.whenSoon(soon);
    sent.late();
    sent.late();
    expect(soon.mock.calls).toEqual([[undefined]]);
    const { answer } = sent;
    expect(over).not.toHaveBeenCalled();
    sent.end(ANSWER);
    expect(await answer).toBe(ANSWER);
    expect(soon).toHaveBeenCalledTimes(1);
  });

  it('tells at once what came before anybody listened', () => {
    sent.end(ANSWER);
    sent.whenSoon(soon);
    expect(soon.mock.calls).toEqual([[ANSWER]]);
  });

  it('gives its turn back once, whatever comes after it was given up', async () => {
    sent.late();
    sent.giveUp();
    sent.end(ANSWER);
    sent.giveUp();
    expect(over).toHaveBeenCalledTimes(1);
    expect(await sent.answer).toMatchObject({ failure: { message: 'it is asked for less' } });
  });
});
