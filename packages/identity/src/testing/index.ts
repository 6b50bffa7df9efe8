export { type ApiServer, startApiServer } from '../attest/testing/api_server.ts';
export { type Certified, createCertificate, missingOpenSsl, signDocument } from '../attest/testing/openssl.ts';
export * from './certificates.ts';
