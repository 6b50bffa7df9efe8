import type { IncomingMessage, ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';
import type { DevelopmentUser } from './users.ts';

const MAX_FORM_BYTES = 8 * 1024;

/** Whether a request belongs to the sign-in page, and not to the provider itself. */
export function isSignInRequest(request: IncomingMessage): boolean {
  return (request.url ?? '').startsWith('/interaction/');
}

/**
 * Shows the users to choose from, or takes the choice. There is no password: this provider is for development, listens
 * on the loopback address only, and says so on the page.
 */
export async function answerSignIn(
  provider: Provider,
  users: readonly DevelopmentUser[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Throws without the cookie of an authorization request that is under way.
  const { uid } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') return sendPage(response, 200, renderPage(uid, users));
  const form = await readForm(request);
  const user = users.find((candidate) => candidate.sub === form?.get('sub'));
  const secondsAgo = Number(form?.get('auth_time_seconds_ago') ?? 0);
  if (form === undefined || user === undefined || !Number.isSafeInteger(secondsAgo) || secondsAgo < 0) {
    return sendPage(response, 400, '<p>no such user, or a sign-in time that is not in the past</p>');
  }
  const acr = form.get('acr') ?? undefined;
  const amr = form.get('amr')?.split(' ') ?? ['pwd'];
  const ts = Math.floor(Date.now() / 1000) - secondsAgo;
  const login = { accountId: user.sub, ts, amr, ...(acr === undefined ? {} : { acr }) };
  return provider.interactionFinished(request, response, { login });
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MAX_FORM_BYTES) return undefined;
  }
  return new URLSearchParams(text);
}

function renderPage(uid: string, users: readonly DevelopmentUser[]): string {
  const choices = users.map(({ sub, email }) => {
    const name = escapeHtml(sub);
    return `<p><button name="sub" value="${name}">${name} (${escapeHtml(email)})</button></p>`;
  });
  return `<h1>Sign in (development only, no password)</h1>
<form method="post" action="/interaction/${escapeHtml(uid)}">${choices.join('\n')}</form>`;
}

function sendPage(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'",
    'cache-control': 'no-store',
  });
  response.end(`<!doctype html><meta charset="utf-8"><title>Sign in</title>${body}`);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
