export { AUTHORITY, type Company, type CompanyAuthority, createCompany } from './company_root.ts';
export { missingOpenSsl } from './openssl.ts';
