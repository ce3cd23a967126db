/** Page of an approval by link: plain HTML that needs no script, for telephones too, light and dark. */
import { createHash } from 'node:crypto';

export interface ApprovalQuestion {
  service: string;
  action: string;
  why: string;
  /** Request as it would be sent, secrets masked; or why it can't be shown. */
  request: string;
  nodes?: { current: number; desired: number };
  until: Date;
  /** Sentence beside the question, such as why nothing was done. */
  problem?: string;
  /** Address to sign in at, when a link alone does not do. */
  signIn?: string;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6472; --paper: #f4f5f7; --card: #fff; --line: #d8dce3;
  --yes: #0b6b3a; --no: #b3261e; --on: #fff; --warn: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --soft: #a4acb9; --paper: #14171c; --card: #1d2128;
  --line: #363c47; --yes: #52c788; --no: #ff8a80; --on: #10130f; --warn: #3a3013; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 40rem; margin: 1rem auto; padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .75rem; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; }
dl { margin: 0 0 1.25rem; } dt { margin-top: .75rem; color: var(--soft); font-size: .875rem; } dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: .25rem 0 0; padding: .75rem; max-height: 20rem; overflow: auto; border: 1px solid var(--line); border-radius: .5rem;
  font: .8125rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .75rem; }
button, a.button { flex: 1 1 9rem; min-height: 3rem; padding: .6rem 1rem; border: 2px solid var(--yes); border-radius: .5rem;
  background: var(--yes); color: var(--on); font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer; }
button.no { background: transparent; border-color: var(--no); color: var(--no); }
button:focus-visible, a.button:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; }
.problem { padding: .75rem; background: var(--warn); border-radius: .5rem; }
`;

/** Content security policy of the page: its own style, its own form, and nothing else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Returns the page that asks. */
export function questionPage({
  service,
  action,
  why,
  request,
  nodes,
  until,
  problem,
  signIn,
}: ApprovalQuestion): string {
  const asks =
    signIn === undefined
      ? `<form method="post">
<button name="decision" value="approve">Approve</button>
<button class="no" name="decision" value="reject">Reject</button>
</form>`
      : `<p>Whoever last changed this service may not approve it, and a link does not say who you are.</p>
<p><a class="button" href="${escaped(signIn)}" rel="noreferrer">Sign in to decide</a></p>`;
  return page(
    `${action} for ${service}`,
    `<h1>Run ${escaped(action)} for ${escaped(service)}?</h1>
${problem === undefined ? '' : `<p class="problem" role="alert">${escaped(problem)}</p>`}
<dl>
<dt>Why</dt><dd>${escaped(why)}</dd>
${nodes === undefined ? '' : `<dt>Nodes</dt><dd>${nodes.current} now, ${nodes.desired} after</dd>`}
<dt>May be approved until</dt><dd><time datetime="${until.toISOString()}">${until.toISOString().replace('T', ' ').slice(0, 19)} UTC</time></dd>
<dt>What will be sent</dt><dd><pre tabindex="0">${escaped(request)}</pre></dd>
</dl>
${asks}`,
  );
}

/** Returns a page that says one thing. */
export const wordPage = (title: string, words: string): string =>
  page(title, `<h1>${escaped(title)}</h1>\n<p>${escaped(words)}</p>`);

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escaped(title)} – monscale</title>
<style>${STYLE}</style>
</head>
<body><main>
${body}
</main></body>
</html>
`;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign]!);
