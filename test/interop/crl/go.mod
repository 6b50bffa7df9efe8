module postern.test/interop/crl

go 1.21
