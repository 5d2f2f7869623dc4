// Package certs gives the webhook the certificate that the API server is told to trust.
//
// The API server trusts what caBundle in the ValidatingWebhookConfiguration says. So both ways of getting a certificate
// look at the live configuration: it names the host that the certificate must be for, and readiness is "the certificate
// being served is one that the live configuration trusts".
//
//   - [Keeper]: the guard's own authority. It lives in a Secret that all replicas watch; the leaf is renewed in good time
//     and the authority before it ends; caBundle is written into the configuration and written again whenever something
//     takes it out. Nobody is the leader: every write says which version it changes, and whoever comes second adopts what
//     the first wrote.
//     A write that somebody undoes is repeated more and more slowly.
//   - [Mounted]: files that somebody else renews, such as cert-manager. The guard only serves and judges them.
//
// Both judge by the node's clock, which [Skew] compares with the API server's: while the two are far apart nothing is written.
package certs
