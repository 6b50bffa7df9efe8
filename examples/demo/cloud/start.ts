/** The whole of the demo in the cloud shape: control plane on the stand-in, agent, services behind Envoys; ready to be asked. */
import { realpathSync } from 'node:fs';
import { awsEnvironment } from '../../../test/kit/cloud/aws_environment.ts';
import { nameFunctionUrl } from '../../../test/kit/cloud/function_url.ts';
import { startDemoAgent } from '../agent.ts';
import type { Cleanup } from '../cleanup.ts';
import { pushPostures, settle } from '../control_plane.ts';
import { fetchIdentity, type Identity } from '../identity.ts';
import { type DecisionPoints, linkEnvoys, type Mesh, startMesh } from '../mesh.ts';
import { AGENT_ID, type Places, TRUST_DOMAIN } from '../places.ts';
import { type Send, sendThroughMesh } from '../run_scenarios.ts';
import { type CloudControlPlane, type DeployOptions, deployControlPlane } from './control_plane.ts';
import { explainingFaults } from './function_faults.ts';
import { accessAs } from './roles.ts';
import { enterNode, publishPolicies } from './seed.ts';

export interface CloudDemo {
  readonly plane: CloudControlPlane;
  readonly mesh: Mesh;
  /** Of this very program, which is entered as the workload `reports`. */
  readonly reports: Identity;
  readonly send: Send;
}

/** `envoy`: the program. */
export async function startCloudDemo(
  places: Places,
  envoy: string,
  cleanup: Cleanup,
  options: DeployOptions,
): Promise<CloudDemo> {
  const plane = await deployControlPlane(places, cleanup, options);
  return explainingFaults(plane, () => seedAndStart(plane, places, envoy, cleanup, options));
}

async function seedAndStart(
  plane: CloudControlPlane,
  places: Places,
  envoy: string,
  cleanup: Cleanup,
  { onStep }: DeployOptions,
): Promise<CloudDemo> {
  const programs = linkEnvoys(envoy, places);
  await Promise.all([
    publishPolicies(plane, places).then(() => onStep('policies published   postern policy publish')),
    enterNode(plane, places, { ...programs, reports: realpathSync(process.execPath) }).then(() =>
      onStep('node entered         postern entry create, postern token create'),
    ),
  ]);
  const node = await accessAs(plane.root, plane.aws, 'node');
  await startDemoAgent(places, cleanup, awsEnvironment(node));
  onStep(`node agent joined    ${AGENT_ID}`);
  const [mesh, reports] = await Promise.all([
    startMesh(programs, places, await decisionPoints(plane, places), cleanup),
    fetchIdentity(places, `spiffe://${TRUST_DOMAIN}/reports`),
    pushPostures(plane),
  ]);
  onStep(`mesh                 Envoy of payments :${mesh.paymentsPort}, of the storefront :${mesh.storefrontPort}`);
  await settle();
  return { plane, mesh, reports, send: sendThroughMesh(mesh, reports) };
}

/** Payments' Envoy asks the deployed function, signing as its role; the storefront's asks the agent. */
async function decisionPoints({ root, aws, outputs }: CloudControlPlane, places: Places): Promise<DecisionPoints> {
  const { url, address } = nameFunctionUrl(outputs.AuthorizeUrl);
  return {
    payments: {
      authz: { kind: 'function-url', url, region: root.region, address },
      environment: awsEnvironment(await accessAs(root, aws, 'payments')),
    },
    storefront: { authz: { kind: 'grpc', socket: places.authzGrpcSocket } },
  };
}
