import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { check } from '../../common/check';
import { GOOD } from '../../../test/stand-ins/certificates';
import { Ambiguous, Permanent, Retryable, type ActionContext } from '../action';
import { Email, EmailParams } from './email.action';

const context = (signal = new AbortController().signal, timeoutMs = 3_000): ActionContext => ({
  signal,
  timeoutMs,
  now: new Date(),
  executionId: '01900000-0000-7000-8000-000000000001',
  variables: {},
});

const refusal = (responseCode: number, message: string) =>
  Object.assign(new Error(message), { responseCode });

describe('email', () => {
  const email = new Email();
  const ends: (() => unknown)[] = [];
  afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

  /** A mail server. @returns its port and what it was given */
  async function server(options: SMTPServerOptions = {}): Promise<{ port: number; mails: string[] }> {
    const mails: string[] = [];
    const smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData(stream, _session, done) {
        let text = '';
        stream.on('data', (chunk: Buffer) => (text += String(chunk)));
        stream.on('end', () => {
          mails.push(text);
          done();
        });
      },
      ...options,
    });
    smtp.on('error', () => undefined);
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
    ends.push(() => new Promise<void>((resolve) => smtp.close(resolve)));
    return { port: (smtp.server.address() as AddressInfo).port, mails };
  }

  const params = (given: Partial<EmailParams> & { port: number }): EmailParams =>
    Object.assign(new EmailParams(), {
      host: '127.0.0.1',
      security: 'none',
      from: 'monscale@example.com',
      to: ['ops@example.com', 'night@example.com'],
      subject: 'monscale: web\r\nBcc: everybody@example.com',
      text: 'cpu is 93, over 80',
      ...given,
    });

  test('sends one message to all, whose id is the execution, and no header slips in', async () => {
    const { port, mails } = await server();
    await expect(email.execute(params({ port }), context())).resolves.toMatchObject({
      detail: expect.stringMatching(/^250/),
    });
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatch(/^To: ops@example\.com, night@example\.com\r$/m);
    expect(mails[0]).toMatch(/^Message-ID: <01900000-0000-7000-8000-000000000001@example\.com>\r$/m);
    expect(mails[0]).toMatch(/^Subject: monscale: web Bcc: everybody@example\.com\r$/m);
    expect(mails[0]).not.toMatch(/^Bcc:/m);
    expect(mails[0]).toContain('cpu is 93, over 80');
  });

  test('logs in over TLS that it insists on', async () => {
    const { cert, key } = GOOD;
    const logins: string[] = [];
    const { port, mails } = await server({
      key,
      cert,
      authOptional: false,
      disabledCommands: [],
      onAuth: ({ username, password }, _session, done) => {
        logins.push(`${username}:${password}`);
        if (password === 's3cret') done(null, { user: username });
        else done(refusal(535, 'Authentication credentials invalid'));
      },
    });
    const given = {
      port,
      security: 'starttls',
      username: 'monscale',
      tls: { ca: cert, rejectUnauthorized: true },
    } as const;
    await email.execute(params({ ...given, password: 's3cret' }), context());
    expect(mails).toHaveLength(1);
    const wrong = email.execute(params({ ...given, password: 'guess' }), context());
    await expect(wrong).rejects.toThrow(Permanent);
    await expect(wrong).rejects.toThrow(/535/);
    const untrusted = params({
      ...given,
      host: 'localhost',
      password: 's3cret',
      tls: { rejectUnauthorized: true },
    });
    await expect(email.execute(untrusted, context())).rejects.toThrow(Permanent);
    expect(logins).toEqual(['monscale:s3cret', 'monscale:guess']);
  });

  test('a server without TLS is refused where it is asked for', async () => {
    const { port, mails } = await server();
    await expect(email.execute(params({ port, security: 'starttls' }), context())).rejects.toThrow();
    expect(mails).toEqual([]);
  });

  test.each([
    [
      '550 for every recipient',
      {
        onRcptTo: (_: unknown, __: unknown, done: (error: Error) => void) =>
          done(refusal(550, 'no such user')),
      },
      Permanent,
    ],
    [
      '451 for every recipient',
      {
        onRcptTo: (_: unknown, __: unknown, done: (error: Error) => void) => done(refusal(451, 'greylisted')),
      },
      Retryable,
    ],
    [
      '421 at the greeting',
      { onConnect: (_: unknown, done: (error: Error) => void) => done(refusal(421, 'too busy')) },
      Retryable,
    ],
  ] as const)('%s', async (_, options, kind) => {
    const { port } = await server(options);
    await expect(email.execute(params({ port }), context())).rejects.toThrow(kind);
  });

  test.each([
    ['night', 550, 'no such user'],
    ['night', 552, 'mailbox full'],
    ['ops', 553, 'relaying denied'],
    ['ops', 450, 'greylisted'],
    ['night', 451, 'try later'],
    ['night', 452, 'too many recipients'],
  ])(
    'refused for %s alone (%d), it is no success, is not sent twice, and says who has it',
    async (name, code, text) => {
      const { port, mails } = await server({
        onRcptTo: ({ address }, _session, done) =>
          address.startsWith(name) ? done(refusal(code, text)) : done(),
      });
      const other = name === 'night' ? 'ops' : 'night';
      const sending = email.execute(params({ port }), context());
      await expect(sending).rejects.toThrow(Permanent);
      await expect(sending).rejects.toThrow(
        `took it for ${other}@example.com, and refused it for ${name}@example.com (${code} ${text})`,
      );
      expect(mails).toHaveLength(1);
    },
  );

  test('a connection lost after the message was handed over leaves open whether it is delivered', async () => {
    const { port, mails } = await server({
      onData(stream, session) {
        stream.resume();
        stream.on('end', () => {
          mails.push('taken');
          (session as unknown as { socket?: { destroy(): void } }).socket?.destroy();
        });
      },
    });
    await expect(email.execute(params({ port }), context(undefined, 1_000))).rejects.toThrow(Ambiguous);
    expect(mails).toEqual(['taken']);
  });

  /** A server that answers commands with what `on` has for them, or with yes. @returns its port, and what it was told */
  async function conversing(
    on: Record<string, (socket: Socket) => unknown>,
  ): Promise<{ port: number; told: () => string }> {
    let told = '';
    const tcp = createServer((socket) => {
      let isMessage = false;
      socket.on('error', () => undefined).write('220 here\r\n');
      socket.on('data', (chunk) => {
        told += chunk.toString();
        if (isMessage) return;
        const [command = ''] = /^[A-Z]+/.exec(chunk.toString()) ?? [];
        isMessage = command === 'DATA';
        if (on[command]) on[command](socket);
        else socket.write(isMessage ? '354 go on\r\n' : '250 yes\r\n');
      });
    });
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    ends.push(() => tcp.close());
    return { port: (tcp.address() as AddressInfo).port, told: () => told };
  }

  test.each(['EHLO', 'MAIL', 'RCPT', 'DATA'])(
    'a connection lost at %s was surely told nothing of the message',
    async (command) => {
      const { port, told } = await conversing({ [command]: (socket) => socket.destroy() });
      await expect(email.execute(params({ port }), context())).rejects.toThrow(Retryable);
      expect(told()).not.toContain('Subject');
    },
  );

  test.each(['MAIL', 'DATA'])('a yes to %s that comes too late gets no message', async (command) => {
    const yes = command === 'DATA' ? '354 go on\r\n' : '250 yes\r\n';
    const { port, told } = await conversing({
      [command]: (socket) => setTimeout(() => socket.write(yes), 500).unref(),
    });
    const sending = email.execute(params({ port }), context(AbortSignal.timeout(200)));
    await expect(sending).rejects.toThrow(Retryable);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(told()).not.toContain('Subject');
  });

  /** A server that takes a message and answers it with a text. @returns its port */
  async function answering(text: string): Promise<number> {
    const tcp = createServer((socket) => {
      let told = '';
      socket.on('error', () => undefined).write('220 here\r\n');
      socket.on('data', (chunk) => {
        told += chunk.toString();
        if (told.endsWith('\r\n.\r\n')) socket.write(text);
        else if (told.endsWith('DATA\r\n')) socket.write('354 go on\r\n');
        else if (/(^|\n)(EHLO|MAIL|RCPT|QUIT) ?[^\n]*\r\n$/.test(told)) socket.write('250 yes\r\n');
      });
    });
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    ends.push(() => tcp.close());
    return (tcp.address() as AddressInfo).port;
  }

  test.each([
    ['250 kept\r\n', 'sent'],
    ['250-kept\r\n250-and\r\n250 queued\r\n', 'sent'],
    ['250\r\n', 'sent'],
    ['250-kept\r\n550 no\r\n', Ambiguous],
    ['354 go on\r\n', Ambiguous],
    ['100 wait\r\n', Ambiguous],
    ['hello there\r\n', Ambiguous],
    ['000 nothing\r\n', Ambiguous],
    ['600 more than that\r\n', Ambiguous],
    ['999 much more\r\n', Ambiguous],
    ['451 later\r\n', Retryable],
    ['421-closing\r\n421 now\r\n', Retryable],
    ['550 spam\r\n', Permanent],
  ])('a message that is answered with %j', async (text, expected) => {
    const sending = email.execute(params({ port: await answering(text) }), context());
    const outcome = await sending.then(
      () => 'sent',
      (error: Error) => error.constructor,
    );
    expect(outcome).toBe(expected);
  });

  async function silent(): Promise<number> {
    const sockets: { destroy(): void }[] = [];
    const tcp: Server = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    ends.push(() => {
      sockets.forEach((socket) => socket.destroy());
      tcp.close();
    });
    return (tcp.address() as AddressInfo).port;
  }

  test('a server that says nothing, or is not there, was surely sent nothing', async () => {
    await expect(email.execute(params({ port: await silent() }), context(undefined, 300))).rejects.toThrow(
      Retryable,
    );
    await expect(email.execute(params({ port: 1 }), context())).rejects.toThrow(Retryable);
    await expect(
      email.execute(params({ port: 1 }), context(AbortSignal.abort(new Error('the program stops')))),
    ).rejects.toThrow(/the program stops/);
  });

  test('ends soon after the signal aborts', async () => {
    const controller = new AbortController();
    const sending = email.execute(params({ port: await silent() }), context(controller.signal));
    setTimeout(() => controller.abort(new Error('the program stops')), 100);
    const begun = performance.now();
    await expect(sending).rejects.toThrow(/the program stops/);
    expect(performance.now() - begun).toBeLessThan(2_500);
  });

  test('addresses are judged when they are saved, and name and password go together', () => {
    const wrong = { host: 'h', from: 'nobody', to: ['a@b', 'c d@e', 'x@y\r\nBcc: z@z'], username: 'u' };
    expect(check(EmailParams, wrong).errors.map(({ pointer }) => pointer)).toEqual(['/from']);
    expect(check(EmailParams, { ...wrong, from: 'a@b' }).errors.map(({ pointer }) => pointer)).toEqual([
      '/to/1',
      '/to/2',
      '/password',
    ]);
  });
});
