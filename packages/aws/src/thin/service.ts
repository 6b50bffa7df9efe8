/** One AWS service as the thin client knows it: where it is and how its requests are signed. */
import { findEndpointOverride, findRegion, regionalEndpoint, type ServiceName } from '../endpoints.ts';
import type { ClientSettings } from '../settings.ts';
import { environmentCredentials } from '../signed_fetch/credentials.ts';
import { createExchange, type Exchange } from './exchange.ts';

export interface Service {
  /** Without its last `/`. */
  readonly endpoint: string;
  /** A stand-in with one host for everything. */
  readonly isOverridden: boolean;
  readonly exchange: Exchange;
}

/** Throws a TypeError where no Region is named. */
export function openService(name: ServiceName, settings: ClientSettings): Service {
  const environment = process.env;
  const region = settings.region ?? findRegion(environment);
  if (region === undefined) throw new TypeError('AWS_REGION is not set');
  const override = settings.endpoint ?? findEndpointOverride(name, environment);
  return {
    endpoint: (override ?? regionalEndpoint(name, region, environment)).replace(/\/$/, ''),
    isOverridden: override !== undefined,
    exchange: createExchange({
      credentials: settings.credentials ?? environmentCredentials(),
      region,
      service: name,
    }),
  };
}
