module github.com/aws-auth-guard/aws-auth-guard

go 1.26.8
