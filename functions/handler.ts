/** What all handlers share: settings from the environment, ports on AWS, and the function behind Lambda's events. */

import type { AcmeAuthority } from '@postern/acme';
import type { ControlPlaneTrust } from '@postern/api';
import { type AwsClients, openAwsPorts, openNamedSecrets } from '@postern/aws';
import { serveLambda } from '@postern/aws/lambda';
import { environmentCredentials } from '@postern/aws/signed-fetch';
import { createExchange } from '@postern/aws/thin';
import { systemClock } from '@postern/store';
import type { FunctionName, SecretName } from './access.ts';
import { createRemoteAcmeAuthority } from './acme/remote_authority.ts';
import { type VerifyAdministrator, verifyAdministratorPrincipal } from './door/administrator.ts';
import type { IdentifyFunction } from './door/door.ts';
import { attestorSecretPrefix, type FunctionEnvironment, readEnvironment } from './environment.ts';
import type { FunctionLog, FunctionPorts } from './ports.ts';
import { createRemoteCertifier } from './rotate/remote_certifier.ts';
import type { ServedFunction } from './served.ts';

/** All that any function is opened with; each takes what it knows. */
export interface HandlerPorts extends FunctionPorts {
  readonly url: string;
  readonly place: Pick<ControlPlaneTrust, 'url' | 'ingest'>;
  readonly verifyAdministrator: VerifyAdministrator;
  readonly identify: IdentifyFunction;
  readonly allowLoopbackIssuers: boolean;
  readonly outboundRangesText: string;
  readonly constrainIssuers: boolean;
  readonly acmeAuthority: AcmeAuthority;
  readonly acmeAllowedRanges: readonly string[];
  readonly secret: (name: SecretName) => Promise<Uint8Array>;
  readonly attestorSecret: (name: string) => Promise<string>;
}

/** Throws when the environment is not what the function needs: it then answers nobody. */
export function createHandler(
  name: FunctionName,
  createClients: () => AwsClients,
  open: (ports: HandlerPorts) => Promise<ServedFunction>,
): ReturnType<typeof serveLambda> {
  const environment = readEnvironment(name, process.env);
  const { administrators, functionPrincipals, url, region, ingestUrl } = environment;
  const clients = createClients();
  const prefix = attestorSecretPrefix(environment.trustDomain);
  const ports: HandlerPorts = {
    ...environment,
    ...openAwsPorts({ ...environment, clock: systemClock }, clients),
    attestorSecret: openNamedSecrets({ prefix, clock: systemClock }, clients.secrets),
    clock: systemClock,
    log,
    certifier: createRemoteCertifier({ url: rotateUrlOf(environment), send: sendAsOwnRole(region) }),
    acmeAuthority: createRemoteAcmeAuthority({ url: issueUrlOf(environment), send: sendAsOwnRole(region) }),
    place: { url, ...(ingestUrl !== undefined && { ingest: { url: ingestUrl, region } }) },
    verifyAdministrator: verifyAdministratorPrincipal(administrators),
    identify: (principal) => (principal === undefined ? undefined : functionPrincipals.get(principal)),
  };
  return serveLambda({
    isAskedByProxies: name === 'authorize',
    open: () => open(ports),
    log: ({ level, event, ...fields }) => log(level, event, fields),
  });
}

/** `rotate` itself asks nobody. */
const rotateUrlOf = ({ rotateUrl }: FunctionEnvironment): string => rotateUrl ?? 'https://rotate.invalid';

/** Only `acme` asks it. */
const issueUrlOf = ({ issueUrl }: FunctionEnvironment): string => issueUrl ?? 'https://issue.invalid';

/** Other functions' doors are guarded by IAM and know this one by its role. */
function sendAsOwnRole(region: string) {
  return createExchange({ credentials: environmentCredentials(), region, service: 'lambda' });
}

const log: FunctionLog = (level, event, fields) => {
  if (level !== 'debug') process.stdout.write(`${JSON.stringify({ level, event, ...fields })}\n`);
};
