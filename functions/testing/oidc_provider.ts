/** Starts that provider, and asks it for tokens as a job would. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface OidcProvider {
  readonly issuer: string;
  /** A token of the job for one audience. */
  tokenFor(audience: string): Promise<string>;
  stop(): void;
}

export async function startOidcProvider(): Promise<OidcProvider> {
  const program = join(import.meta.dirname, 'oidc_provider_process.ts');
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout });
  const issuer = await new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.startsWith('{')) resolve((JSON.parse(line) as { issuer: string }).issuer);
    });
    child.once('exit', (code) => reject(new Error(`the provider ended with ${code}`)));
  });
  return {
    issuer,
    async tokenFor(audience) {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from('build-7:a-secret-of-the-job').toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource: audience }),
      });
      const answer = (await response.json()) as { readonly access_token?: string };
      if (answer.access_token === undefined) throw new Error(`no token: ${response.status} ${JSON.stringify(answer)}`);
      return answer.access_token;
    },
    stop: () => child.kill(),
  };
}
