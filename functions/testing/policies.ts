/** A policy repository for tests: one service, whose proxy asks over mTLS with the service's own SVID. */
import { PATHS, type PublishAnswer, type PublishRequest } from '@postern/api';
import { PAYMENTS_FILES } from '@postern/policy-engine/testing';
import type { World } from './world.ts';

export const POLICIES: { readonly [path: string]: string } = {
  ...PAYMENTS_FILES,
  'teams/finance/payments.cedar': `
    @id("callers") permit (principal == Workload::"spiffe://demo.test/storefront", action, resource == Service::"payments");
    @id("anybody") permit (principal is Anonymous, action == Action::"payments:balance", resource == Service::"payments");`,
};

type PublishOptions = Omit<PublishRequest, 'files'>;

export const publish = (world: World, files: object = POLICIES, options: PublishOptions = {}): Promise<Response> =>
  world.admin('POST', PATHS.admin.releases, { files, ...options });

export async function published(world: World, files?: object): Promise<PublishAnswer> {
  const response = await publish(world, files);
  if (response.status !== 201) throw new Error(`not published: ${response.status} ${await response.text()}`);
  return (await response.json()) as PublishAnswer;
}
