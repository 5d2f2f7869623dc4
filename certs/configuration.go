package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/util/cert"
)

// configuration is what the live ValidatingWebhookConfiguration says about certificates. All its webhooks are served by
// one certificate, so they share one host.
type configuration struct {
	host    string
	bundles [][]byte // by webhook
}

// readConfiguration returns an error for a configuration that one certificate cannot serve.
func readConfiguration(c *admissionregistrationv1.ValidatingWebhookConfiguration) (configuration, error) {
	var read configuration
	for _, w := range c.Webhooks {
		host, err := hostOf(w.ClientConfig)
		if err != nil {
			return configuration{}, fmt.Errorf("webhook %q: %w", w.Name, err)
		}
		if read.host != "" && host != read.host {
			return configuration{}, fmt.Errorf("webhook %q is at %q and another at %q, want all at one", w.Name, host, read.host)
		}
		read.host = host
		read.bundles = append(read.bundles, w.ClientConfig.CABundle)
	}
	if read.host == "" {
		return configuration{}, errors.New("no webhook in it")
	}
	return read, nil
}

// hostOf is the name that the API server verifies: for a Service its name with .svc, whatever the cluster's domain is.
func hostOf(c admissionregistrationv1.WebhookClientConfig) (string, error) {
	if c.Service != nil {
		return c.Service.Name + "." + c.Service.Namespace + ".svc", nil
	}
	if c.URL == nil {
		return "", errors.New("neither service nor url")
	}
	u, err := url.Parse(*c.URL)
	if err != nil {
		return "", err
	}
	return u.Hostname(), nil
}

// trusts is nil if each of the webhooks accepts leaf at that moment.
func (c configuration) trusts(leaf *tls.Certificate, now time.Time) error {
	for _, b := range c.bundles {
		if err := verify(leaf, b, c.host, now); err != nil {
			return err
		}
	}
	return nil
}

// trusted are all certificates in the bundles; text that is none is left out.
func (c configuration) trusted() []*x509.Certificate {
	var all []*x509.Certificate
	for _, b := range c.bundles {
		if certs, err := cert.ParseCertsPEM(b); err == nil {
			all = append(all, certs...)
		}
	}
	return all
}

// injection is the JSON patch that makes every webhook trust bundle; nil if they all do. It patches the one field, since
// writing the whole object back would drop what this build does not know of; and it names the version that it changes,
// so that the API server answers with a conflict if somebody else was faster.
func (c configuration) injection(resourceVersion string, bundle []byte) ([]byte, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	patch := []operation{{"replace", "/metadata/resourceVersion", resourceVersion}}
	for i, b := range c.bundles {
		if !bytes.Equal(b, bundle) {
			patch = append(patch, operation{"add", fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", i), bundle})
		}
	}
	if len(patch) == 1 {
		return nil, nil
	}
	return json.Marshal(patch)
}
