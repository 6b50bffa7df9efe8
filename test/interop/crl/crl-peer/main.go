// What Go's crypto/x509 says of a revocation list, as one line of JSON: `crl-peer CRL ISSUER`, both DER.
package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
)

type entry struct {
	Serial     string `json:"serial"`
	ReasonCode int    `json:"reasonCode"`
	AtMs       int64  `json:"atMs"`
}

type verdict struct {
	Number       string  `json:"number"`
	ThisUpdateMs int64   `json:"thisUpdateMs"`
	NextUpdateMs int64   `json:"nextUpdateMs"`
	Entries      []entry `json:"entries"`
	// Empty where the issuer signed it.
	Signature string `json:"signature"`
}

func main() {
	if err := judge(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(listFile, issuerFile string) error {
	der, err := os.ReadFile(listFile)
	if err != nil {
		return err
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	der, err = os.ReadFile(issuerFile)
	if err != nil {
		return err
	}
	issuer, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	said := verdict{
		Number:       list.Number.String(),
		ThisUpdateMs: list.ThisUpdate.UnixMilli(),
		NextUpdateMs: list.NextUpdate.UnixMilli(),
		Entries:      []entry{},
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		said.Signature = err.Error()
	}
	for _, it := range list.RevokedCertificateEntries {
		said.Entries = append(said.Entries, entry{fmt.Sprintf("%x", it.SerialNumber.Bytes()), it.ReasonCode, it.RevocationTime.UnixMilli()})
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}
