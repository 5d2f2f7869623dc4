// Package certs provides the webhook's certificate, which caBundle trusts.
//
// The API server trusts what caBundle in the ValidatingWebhookConfiguration says. So both ways of getting a certificate
// look at the live configuration: it names the host that the certificate must be for, and readiness is "the certificate
// being served is one that the live configuration trusts".
//
//   - [Keeper]: the guard's own authority. It lives in a Secret that all replicas watch; the leaf is renewed in good time
//     and the authority before it ends; caBundle is written into the configuration and written again whenever something
//     removes it. There is no leader: every write names the version that it changes, and a replica that is second adopts what
//     the first wrote.
//     A write that somebody undoes is repeated after growing pauses.
//   - [Mounted]: files that somebody else renews, such as cert-manager. The guard only serves and checks them.
//
// Both use the node's clock, which [Skew] compares with the API server's: while the two are far apart nothing is written.
package certs
