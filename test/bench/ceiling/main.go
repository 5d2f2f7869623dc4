// Command ceiling is the webhook that does nothing: it decodes the AdmissionReview with encoding/json, as webhooks in Go do,
// and allows everything. It is what the benchmark measures the guard against.
//
//	ceiling ADDRESS TLS.CRT TLS.KEY
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	admissionv1 "k8s.io/api/admission/v1"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: ceiling ADDRESS TLS.CRT TLS.KEY")
		os.Exit(2)
	}
	server := &http.Server{Addr: os.Args[1], Handler: http.HandlerFunc(allow), TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13}}
	fmt.Fprintln(os.Stderr, server.ListenAndServeTLS(os.Args[2], os.Args[3]))
	os.Exit(1)
}

func allow(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "not an AdmissionReview with a request", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // the client has gone: nobody to tell
}
