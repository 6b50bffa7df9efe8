export type { ClientSettings } from '../settings.ts';
export { createSdkClients } from './sdk_clients.ts';
