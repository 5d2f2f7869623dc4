package rules

import "github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"

// withArticle is a kind of principal in a sentence.
func withArticle(k awsauth.Kind) string {
	if k == awsauth.KindRoot {
		return "the root user"
	}
	return "a " + k.String()
}
