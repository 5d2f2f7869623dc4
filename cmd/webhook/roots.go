package main

import (
	"crypto/x509"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// trustBundledRoots brings the authorities that AWS's certificates hang on, since the image holds nothing but this
// program. They are used only where the system has none. They cost half a megabyte, so a guard that does not ask AWS
// goes without. It must be called once at most.
func trustBundledRoots() error {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return fmt.Errorf("a bundled certificate authority cannot be read: %w", err)
		}
		if root.Constraint == nil {
			pool.AddCert(certificate)
		} else {
			pool.AddCertWithConstraint(certificate, root.Constraint)
		}
	}
	x509.SetFallbackRoots(pool)
	return nil
}
