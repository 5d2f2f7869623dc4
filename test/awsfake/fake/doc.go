// Package fake is IAM and STS over HTTP, as far as the guard asks them: the AWS Query protocol with its XML, its errors
// and its pages, several accounts told apart by credentials, and switches for all that goes wrong between here and AWS.
//
// It is written from the API references of IAM and STS and shares no code with what it tests.
package fake
