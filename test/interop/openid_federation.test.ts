import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromTokenFile } from '@aws-sdk/credential-provider-web-identity';
import { fetchJwtSvids } from '@postern/agent';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AwsCalls, createAwsCalls } from '../kit/cloud/aws_calls.ts';
import { ACCOUNT, type RunningMiniStack, startMiniStack } from '../kit/ministack.ts';
import { describeWithTool } from '../kit/tools.ts';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';

const AUDIENCE = 'sts.amazonaws.com';
const SPIFFE_ID = 'spiffe://demo.test/app';

// The AWS SDK as a workload has it configured, before an STS that reads the token's claims by AWS's layout and holds them
// against the role's trust policy. Whether the signature is good is not its question: the OpenID clients of
// functions/trust/openid.test.ts ask that.
describeWithTool('a workload becomes a role of AWS by its JWT-SVID', ['ministack'], () => {
  let node: TestNode;
  let ministack: RunningMiniStack;
  let aws: AwsCalls;
  let dir: string;
  let tokenFile: string;
  beforeAll(async () => {
    [node, ministack] = await Promise.all([startTestNode(MINIMAL_POLICIES), startMiniStack({ enforcesIam: true })]);
    aws = createAwsCalls(ministack.clientConfig);
    dir = await mkdtemp(join(tmpdir(), 'postern-federation-'));
    tokenFile = join(dir, 'svid.jwt');
    await node.enter('app', process.execPath);
    await node.agent.ready(20_000);
    await writeFile(tokenFile, await fetchToken(AUDIENCE));
  });
  afterAll(async () => {
    await Promise.all([node?.stop(), ministack?.stop()]);
    await rm(dir, { recursive: true, force: true });
  });

  async function fetchToken(audience: string): Promise<string> {
    for (const until = performance.now() + 15_000; ; ) {
      const fetched = await fetchJwtSvids({ socketPath: node.socket, timeoutMs: 5_000 }, { audience: [audience] });
      if (fetched.ok) return fetched.value[0]?.token ?? '';
      if (performance.now() > until) throw new Error(fetched.reason);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** As docs/federate-clouds.md says: the issuer without its scheme names the provider and its condition keys. */
  async function createRole(name: string, conditions: { readonly aud: string; readonly sub: string }): Promise<string> {
    const issuer = new URL(node.plane.url).host;
    const trust = {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/${issuer}` },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: {
            // AWS compares a list of one as its member (as with tokens of Kubernetes); this stand-in only when told so.
            'ForAnyValue:StringEquals': { [`${issuer}:aud`]: conditions.aud },
            StringEquals: { [`${issuer}:sub`]: conditions.sub },
          },
        },
      ],
    };
    const role = { RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust) };
    await aws.query('iam', '2010-05-08', 'CreateRole', role);
    return `arn:aws:iam::${ACCOUNT}:role/${name}`;
  }

  const assume = (roleArn: string, webIdentityTokenFile = tokenFile) => {
    const { endpoint, region } = ministack.clientConfig;
    const clientConfig = { endpoint, region, maxAttempts: 1 };
    return fromTokenFile({ roleArn, webIdentityTokenFile, roleSessionName: 'app', clientConfig })();
  };

  test('whose trust policy names this issuer, subject and audience', async () => {
    const role = await createRole('app', { aud: AUDIENCE, sub: SPIFFE_ID });
    const credentials = await assume(role);
    expect(credentials.sessionToken).toBeTruthy();
    const as = createAwsCalls({ ...ministack.clientConfig, credentials });
    expect(await as.query('sts', '2011-06-15', 'GetCallerIdentity')).toContain(':assumed-role/app/app');
  });

  test('and of no role that is for another workload', async () => {
    const role = await createRole('other', { aud: AUDIENCE, sub: 'spiffe://demo.test/other' });
    await expect(assume(role)).rejects.toMatchObject({
      name: expect.stringMatching(/AccessDenied|CredentialsProvider/),
    });
  });

  test('and of none with a token that is for another service', async () => {
    const role = await createRole('audience', { aud: AUDIENCE, sub: SPIFFE_ID });
    const file = join(dir, 'other.jwt');
    await writeFile(file, await fetchToken('https://ledger.demo.test'));
    await expect(assume(role, file)).rejects.toMatchObject({
      name: expect.stringMatching(/AccessDenied|CredentialsProvider/),
    });
  });
});
