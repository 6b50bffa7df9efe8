export { AUTHORITY, type Company, type CompanyAuthority, createCompany } from './company_root.ts';
export { craftCsr, extensionRequest, names } from './craft_csr.ts';
export { missingOpenSsl } from './openssl.ts';
