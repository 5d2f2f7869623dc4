package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var wrongPartition = &rule.Rule{
	ID: "AA204", Name: "wrong-partition", Severity: rule.Error, Category: rule.ARN,
	What: "the principal is in another AWS partition than the cluster",
	Why:  "principals of one partition cannot call clusters of another, so the entry matches nobody",
	Bad:  strings.Replace(goodNodesAndCI, "arn:aws:iam::111122223333:role/ci", "arn:aws-cn:iam::111122223333:role/ci", 1), Good: goodNodesAndCI,
	Entry: arnFaultsOf("AA204"),
}

func partitionDiffers(w written) *rule.Finding {
	if w.partition == "" || strings.EqualFold(w.arn().Partition, w.partition) {
		return nil
	}
	here := w.arn()
	here.Partition = w.partition
	return &rule.Finding{Message: fmt.Sprintf("%s is in the partition %s, and this cluster is in the partition %s", namedARN(w.text), phrase.Bare(w.arn().Partition), w.partition),
		Fix: "write " + phrase.Whole(here.String()) + ", or the ARN of another principal in the partition " + w.partition,
		Why: "principals of another partition cannot call this cluster, so this entry matches nobody"}
}
