// Package admission turns an AdmissionReview into a validate.Request and a validate.Report into what kubectl shows.
//
// A denial is a Status with reason Invalid (HTTP 422) and one cause per finding: kubectl prints it as a list, and
// `kubectl edit` opens the editor again with the findings on top. Warnings are one line of less than 250 characters
// each, since the API server drops those with control characters and cuts longer ones.
package admission
