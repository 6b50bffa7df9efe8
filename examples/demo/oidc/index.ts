export { DEVELOPMENT_CLIENT_ID } from './configuration.ts';
export { type DevelopmentProvider, type DevelopmentProviderOptions, startDevelopmentProvider } from './provider.ts';
export type { SignedIn } from './sign_in.ts';
export type { DevelopmentUser, SignIn } from './users.ts';
