// Package fake is IAM, STS, EC2 and EKS over HTTP, as far as the guard asks them: the AWS Query protocol with its XML, its
// errors and its pages, EKS's JSON, several accounts, distinguished by credentials, and switches for all that goes wrong between here and AWS.
//
// It is written from the API references of these services and shares no code with what it tests.
package fake
