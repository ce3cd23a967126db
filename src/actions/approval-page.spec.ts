import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { escaped, PAGE_POLICY, questionPage, wordPage } from './approval-page';

const QUESTION = {
  service: 'web-cpu-high',
  action: 'provision-web-vm',
  why: 'cpu is 93, over 80 for 60 s',
  request: '{"method": "POST"}',
  nodes: { current: 2, desired: 3 },
  until: new Date('2026-11-22T10:15:00Z'),
};

test('it says what, why, how many nodes before and after, and until when', () => {
  const page = questionPage(QUESTION);
  for (const words of [
    'provision-web-vm',
    'web-cpu-high',
    'cpu is 93',
    '2 now, 3 after',
    '2026-11-22 10:15:00 UTC',
  ])
    expect(page).toContain(words);
});

test('it asks by a form of two buttons, and runs no script', () => {
  const page = questionPage(QUESTION);
  expect(page.match(/<button [^>]*name="decision" value="(approve|reject)"/g)).toHaveLength(2);
  expect(page).toContain('<form method="post">');
  expect(page).not.toMatch(/<script|javascript:|\son\w+=/);
});

test('its policy allows its style alone', () => {
  const [, style] = /<style>(.*)<\/style>/s.exec(questionPage(QUESTION))!;
  const digest = createHash('sha256').update(style!).digest('base64');
  expect(PAGE_POLICY).toContain(`style-src 'sha256-${digest}'`);
  expect(PAGE_POLICY).not.toContain('unsafe-inline');
});

test('where a link does not do, it has no form and says where to sign in', () => {
  const page = questionPage({ ...QUESTION, signIn: 'https://monscale.example/approvals' });
  expect(page).not.toContain('<form');
  expect(page).toContain('href="https://monscale.example/approvals"');
});

test.each([
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' autofocus onfocus='x",
  '</pre></main><form action=//evil>',
  '&lt;already&gt;',
])('a text like %s is text', (text) => {
  const page = questionPage({
    ...QUESTION,
    service: text,
    action: text,
    why: text,
    request: text,
    problem: text,
  });
  expect(page).not.toContain(text);
  expect(page.match(/<form/g)).toHaveLength(1);
});

test('whatever a text is, no tag comes of it', () => {
  fc.assert(fc.property(fc.string(), (text) => !/[<>"']/.test(escaped(text))));
  fc.assert(
    fc.property(fc.string(), (text) => {
      const tags = (page: string) => page.match(/<[^>]*>/g)!.length;
      return tags(wordPage('x', text)) === tags(wordPage('x', ''));
    }),
  );
});
