/**
 * The only settings that the adapters accept of an SDK client. The SDK's own retries are off: it repeats a conditional
 * write whose answer got lost, and then reports our own success as `condition-failed`, or adds to a counter twice.
 * `retries.ts` repeats only what may be repeated.
 */
import { findEndpointOverride, findRegion, type ServiceName } from '../endpoints.ts';
import type { ClientSettings } from '../settings.ts';

const CONNECT_TIMEOUT_MS = 1_000;

/** Without a Region in the settings or the environment the SDK takes the profile's. */
export function sdkSettings(service: ServiceName, settings: ClientSettings) {
  const region = settings.region ?? findRegion(process.env);
  const endpoint = settings.endpoint ?? findEndpointOverride(service, process.env);
  return {
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS },
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(settings.credentials !== undefined && { credentials: settings.credentials }),
  };
}
