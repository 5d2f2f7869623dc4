package admission

import (
	"bytes"
	"context"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// Every client that reaches the port can send a body, under any name. So there is a bound to all that a body may
// take, and to all bodies together. The figures keep a guard below 256 MiB, the chart's limit, whatever is sent
// (TestStarvation in test/chaos).
const (
	// mostLarge is how many bytes of large bodies are held at once: the largest there is, and some more beside it.
	mostLarge = maxBody + 4<<20
	// A string of JSON takes some 100 bytes when it is decoded, however short it is: a list of a million of them would
	// take many times its body. maxQuotes is how many quotation marks a body may have, two for each string. Those in
	// the values of an aws-auth do not count, they are escaped. perQuote is what one counts for, and mostDecoded how
	// much there is at once.
	maxQuotes   = 1 << 20
	perQuote    = 64
	mostDecoded = maxQuotes * perQuote
	// mostAny is how many bodies apimachinery decodes at once.
	mostAny = 8
	// maxUser is how much the name, the groups and the extra fields of a caller may be. They came with one HTTP
	// request whose header has 1 MiB at most, or from an answer to it.
	maxUser = 1 << 20
)

// What it costs to judge an object goes by its marks (validate.Marks).
const (
	// Reviews of up to smallMarks (an aws-auth of 300 entries, before and after) are judged beside each other and wait
	// for no larger ones. Of the larger ones there is one worst case at a time.
	smallMarks = 4 << 10
	mostSmall  = 4 * smallMarks
	// Dry runs of that size have room of their own: IAM is asked for them last, and what they wait for must not keep
	// edits out.
	mostDryRuns = 2 * smallMarks
	mostLarger  = 2 * validate.MaxMarks
	fewestMarks = mostSmall / 64 // whatever it is, there are no more than 64 at once
)

// bounds are shared by all requests.
type bounds struct {
	bodies       *queue // bytes of large bodies
	decoded      *queue // what is decoded of them
	unusual      *queue // bodies that apimachinery decodes
	small, large *queue // marks of what is judged
	dryRuns      *queue // of small dry runs
	held         holdings
}

// holdings are what callers hold of the large bodies and of what is decoded of them until they are answered, which may
// take as long as IAM is asked.
type holdings struct {
	mu sync.Mutex
	of map[sender]holding
}

// sender is a user at an address: a client that reaches the port may use any name, but not at the API server's
// address.
type sender struct{ host, user string }

type holding struct{ body, decoded int64 }

func newBounds() *bounds {
	return &bounds{bodies: newQueue(mostLarge), decoded: newQueue(mostDecoded), unusual: newQueue(mostAny),
		small: newQueue(mostSmall), large: newQueue(mostLarger), dryRuns: newQueue(mostDryRuns),
		held: holdings{of: map[sender]holding{}}}
}

// decode waits until there is room to decode a body, and says how much of it that takes. release is called when the
// request is answered.
func (b *bounds) decode(ctx context.Context, from string, in body) (takes int64, release func(), err error) {
	if in.share == 0 {
		return 0, func() {}, nil
	}
	quotes := bytes.Count(in.text, []byte{'"'}) - bytes.Count(in.text, []byte(`\"`))
	if quotes > maxQuotes {
		return 0, nil, errTooMuch
	}
	takes = int64(len(in.text) + perQuote*quotes)
	if release, err = b.decoded.take(ctx, from, "", takes); err != nil {
		return 0, nil, errBusy
	}
	return takes, release, nil
}

// hold lets one user have half of the room for large bodies at most, or one body, so that others' always find some.
// release is called when the request is answered.
func (b *bounds) hold(who sender, more holding) (release func(), err error) {
	if more == (holding{}) {
		return func() {}, nil
	}
	h := &b.held
	h.mu.Lock()
	defer h.mu.Unlock()
	has, some := h.of[who]
	sum := holding{has.body + more.body, has.decoded + more.decoded}
	if some && (sum.body > mostLarge/2 || sum.decoded > mostDecoded/2) {
		return nil, errBusy
	}
	h.of[who] = sum
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		has := h.of[who]
		if has = (holding{has.body - more.body, has.decoded - more.decoded}); has == (holding{}) {
			delete(h.of, who)
			return
		}
		h.of[who] = has
	}, nil
}

// judge waits until there is room to judge an edit. done is called when there is a verdict.
func (b *bounds) judge(ctx context.Context, from string, edit validate.Request) (done func(), err error) {
	share := int64(validate.Marks(edit.Old) + validate.Marks(edit.New))
	line := b.large
	if share <= smallMarks {
		line, share = b.small, max(share, fewestMarks)
		if edit.DryRun {
			line = b.dryRuns
		}
	}
	release, err := line.take(ctx, from, edit.User.Username, share)
	if err != nil {
		return nil, errBusy
	}
	answered := listen.Answering(ctx)
	return func() { answered(); release() }, nil
}

// userSize is how much a review says of the caller.
func userSize(u authenticationv1.UserInfo) int {
	size := len(u.Username) + len(u.UID)
	for _, g := range u.Groups {
		size += len(g)
	}
	for key, values := range u.Extra {
		size += len(key)
		for _, v := range values {
			size += len(v)
		}
	}
	return size
}
