export type { ClientSettings } from '../settings.ts';
export { type Answer, createExchange, type Exchange, type ExchangeRequest } from './exchange.ts';
export { createThinClients } from './thin_clients.ts';
