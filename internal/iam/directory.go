package iam

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	// defaultCallTimeout bounds one call, defaultTimeout all calls for one request, unless the policy says otherwise.
	defaultCallTimeout = 2 * time.Second
	defaultTimeout     = 5 * time.Second
	// httpTimeout bounds the calls that the SDK makes by itself, for credentials: it gives them no limit of its own.
	httpTimeout = 10 * time.Second
	// answerMargin is what Lookup leaves of the caller's time, a tenth at most.
	answerMargin = 100 * time.Millisecond
	// secondLook is how long after IAM said that there is no such principal it is asked once more, since it may take a
	// moment to know what was just created; half of the time that is left at most.
	secondLook = 750 * time.Millisecond
	// fewNames are asked for one by one, at once. For more than that, the list of all costs less: a page holds 1,000, and
	// an account 5,000 of a kind.
	fewNames = 10
	// fewHints bounds the calls that only serve a better message.
	fewHints = 5
)

// Options are what a Directory needs beside the policy. The zero value logs and counts nothing.
type Options struct {
	Log     logr.Logger
	Metrics *Metrics
}

// Directory looks principals up. It is safe for concurrent use.
type Directory struct {
	cfg     aws.Config
	log     logr.Logger
	metrics *Metrics
	caches  caches
	// flights let those who ask the same thing at the same time share one answer.
	flights      singleflight.Group
	setup        atomic.Pointer[setup]
	self         atomic.Pointer[validate.Self]
	unidentified atomic.Pointer[unidentified]
}

// setup is what a policy makes of a Directory.
type setup struct {
	policy    *policy.Policy
	region    string
	partition string // that of the region
	sts       *sts.Client
	own       *account
	assumed   map[string]*account // by id
}

// New finds the credentials as every AWS tool does: environment, profile, web identity (IRSA), Pod Identity, instance. It
// makes no call, and fails only if the configuration itself is unsound.
func New(ctx context.Context, p *policy.Policy, o Options) (*Directory, error) {
	cfg, err := Config(ctx)
	if err != nil {
		return nil, err
	}
	return newDirectory(cfg, p, o), nil
}

func newDirectory(cfg aws.Config, p *policy.Policy, o Options) *Directory {
	d := &Directory{cfg: cfg, log: o.Log, metrics: o.Metrics, caches: newCaches()}
	d.Configure(p)
	return d
}

// Configure takes in a changed policy. Connections stay where nothing changed for them, and so does what is known.
func (d *Directory) Configure(p *policy.Policy) {
	last := d.setup.Load()
	cfg := d.cfg.Copy()
	cfg.Region = region(p.IAM.Region, d.cfg, p.Partition)
	s := &setup{policy: p, region: cfg.Region, partition: partitionOf(cfg.Region), assumed: map[string]*account{}}
	same := last != nil && last.region == s.region
	if same {
		s.sts, s.own = last.sts, last.own
	} else {
		s.sts = sts.NewFromConfig(cfg, func(o *sts.Options) { o.Retryer = aws.NopRetryer{} })
		s.own = d.newOwn(cfg, s.partition)
	}
	for _, a := range p.Accounts {
		switch {
		case a.RoleARN == "":
		case same && last.assumed[a.ID] != nil && last.assumed[a.ID].roleARN == a.RoleARN:
			s.assumed[a.ID] = last.assumed[a.ID]
		default:
			s.assumed[a.ID] = d.newAssumed(a.ID, a.RoleARN, cfg, s.partition, s.sts)
		}
	}
	if last != nil {
		for id := range last.assumed {
			if s.assumed[id] == nil {
				d.metrics.forget(id)
			}
		}
	}
	d.setup.Store(s)
}

func (d *Directory) callTimeout() time.Duration {
	if t := d.setup.Load().policy.IAM.CallTimeout; t > 0 {
		return t
	}
	return defaultCallTimeout
}

func (d *Directory) timeout() time.Duration {
	if t := d.setup.Load().policy.IAM.Timeout; t > 0 {
		return t
	}
	return defaultTimeout
}

// detach gives a shared question its own time: whoever asked first may go, the others still wait for the answer.
func (d *Directory) detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d.timeout())
}

// question is one ARN on its way to an answer.
type question struct {
	arn    awsauth.ARN
	key    key
	answer *validate.Principal
}

// Lookup answers for every ARN, in order. It returns before ctx's deadline, with Unverified for what it did not get to.
func (d *Directory) Lookup(ctx context.Context, arns []awsauth.ARN) []validate.Principal {
	budget := d.timeout()
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		budget = min(budget, left-min(answerMargin, left/10))
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()

	s := d.setup.Load()
	if _, ok := d.Self(); !ok {
		_ = d.identify(ctx) // without an identity, there may still be an answer
	}
	answers := make([]validate.Principal, len(arns))
	asked := map[*account][]question{}
	var foreign []question
	for i, arn := range arns {
		q := question{arn, key{arn.Account, arn.Kind, strings.ToLower(arn.Name)}, &answers[i]}
		switch a := d.route(s, q); {
		case a != nil:
			asked[a] = append(asked[a], q)
		case q.answer.Existence == validate.Foreign:
			foreign = append(foreign, q)
		}
	}
	var g errgroup.Group
	for a, questions := range asked {
		for _, kind := range []awsauth.Kind{awsauth.KindRole, awsauth.KindUser} {
			if some := of(kind, questions); len(some) > 0 {
				g.Go(func() error { d.resolve(ctx, s, a, kind, some); return nil })
			}
		}
	}
	if len(foreign) > 0 {
		g.Go(func() error { d.hintAtOwn(ctx, s, foreign); return nil })
	}
	_ = g.Wait() // the answers hold what went wrong
	return answers
}

func of(kind awsauth.Kind, questions []question) []question {
	var some []question
	for _, q := range questions {
		if q.arn.Kind == kind {
			some = append(some, q)
		}
	}
	return some
}

// route says which account a question is for, or answers it without one.
func (d *Directory) route(s *setup, q question) *account {
	named, known := s.policy.Account(q.arn.Account)
	if known && named.Unchecked {
		q.answer.Existence = validate.Trusted
		return nil
	}
	self, identified := d.Self()
	partition := s.partition
	if identified && self.Partition != "" {
		partition = self.Partition
	}
	own := !identified || self.Account == q.arn.Account
	switch {
	case !strings.EqualFold(q.arn.Partition, partition):
		unverified(q, failed(validate.ReasonForeign, "principals of the partition %s cannot be looked up from %s", q.arn.Partition, partition))
	case q.arn.Kind != awsauth.KindRole && q.arn.Kind != awsauth.KindUser:
		if !own && !known {
			s.notOwn(q)
		}
	case s.assumed[q.arn.Account] != nil:
		return s.assumed[q.arn.Account]
	case own:
		return s.own
	default:
		s.notOwn(q)
	}
	return nil
}

// notOwn answers for an account that is not the guard's, and that nobody has said how to read.
func (s *setup) notOwn(q question) {
	if _, known := s.policy.Account(q.arn.Account); known {
		unverified(q, failed(validate.ReasonForeign, "the policy names account %s, but no roleARN to look its principals up", q.arn.Account))
		return
	}
	q.answer.Existence = validate.Foreign
}

func unverified(q question, err error) {
	f := asFailure(err)
	*q.answer = validate.Principal{Existence: validate.Unverified, Reason: f.reason, Detail: f.detail}
}

// resolve answers questions about one kind of principal of one account.
func (d *Directory) resolve(ctx context.Context, s *setup, a *account, kind awsauth.Kind, questions []question) {
	var open []question
	for _, q := range questions {
		arn, seen := d.caches.arn(q.key)
		p, missed := d.caches.missing.Get(q.key)
		switch {
		case seen:
			found(q, arn)
		case missed:
			*q.answer = p
		default:
			open = append(open, q)
			continue
		}
		d.metrics.hit()
	}
	if len(open) == 0 {
		return
	}
	if err := a.authenticate(ctx); err != nil {
		for _, q := range open {
			unverified(q, err)
		}
		return
	}
	absent := d.ask(ctx, s, a, kind, open, false)
	if len(absent) == 0 {
		return
	}
	if end, ok := ctx.Deadline(); ok && pause(ctx, min(secondLook, time.Until(end)/2)) {
		absent = d.ask(ctx, s, a, kind, absent, true)
	}
	d.conclude(ctx, s, a, kind, absent)
}

// found answers with a principal that there is.
func found(q question, arn string) {
	*q.answer = validate.Principal{Existence: validate.Exists, ARN: arn}
	if q.arn.Kind == awsauth.KindUser && !strings.EqualFold(arn, q.arn.String()) {
		q.answer.Existence = validate.Missing // of that name, but under another path, and EKS compares the path
	}
}

// ask looks for principals in the cheapest way, and returns those that IAM says do not exist. again says that it is the
// second look: what fails now does not take back what IAM has said.
func (d *Directory) ask(ctx context.Context, s *setup, a *account, kind awsauth.Kind, questions []question, again bool) (absent []question) {
	tooMany := errOwnPace
	if len(questions) > fewNames {
		list, err := d.list(ctx, a, questions[0].key, again)
		switch {
		case err == nil:
			for _, q := range questions {
				if arn, ok := list[q.key.name]; ok {
					found(q, arn)
				} else {
					absent = append(absent, q)
				}
			}
			return absent
		case again:
			return questions
		case errors.Is(err, errNotOwn):
			for _, q := range questions {
				s.notOwn(q)
			}
			return nil
		case reasonOf(err) == validate.ReasonThrottled: // many small questions would fare worse
			for _, q := range questions {
				unverified(q, err)
			}
			return nil
		case outage(err):
			tooMany = err
		}
	}
	if n := a.inTime(ctx); n < len(questions) {
		if n == 0 && !outage(tooMany) {
			tooMany = errNoTime
		}
		for _, q := range questions[n:] {
			if again {
				absent = append(absent, q)
			} else {
				unverified(q, tooMany)
			}
		}
		questions = questions[:n]
	}
	errs := make([]error, len(questions))
	var g errgroup.Group
	g.SetLimit(fewNames)
	for i, q := range questions {
		g.Go(func() error {
			var arn string
			if arn, errs[i] = d.get(ctx, s, a, q.key, q.arn.Name, again); errs[i] == nil {
				found(q, arn)
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are kept by question
	for i, q := range questions {
		switch {
		case errs[i] == nil:
		case isMissing(errs[i]) || again:
			absent = append(absent, q)
		case errors.Is(errs[i], errNotOwn):
			s.notOwn(q)
		default:
			unverified(q, errs[i])
		}
	}
	return absent
}

// get asks for one principal, together with all who ask for it at the same time.
func (d *Directory) get(ctx context.Context, s *setup, a *account, k key, name string, again bool) (string, error) {
	arn, err := share(ctx, d, fmt.Sprint("get ", k, again), func(ctx context.Context) (string, error) {
		if arn, ok := d.caches.arn(k); ok { // found by whoever asked just before
			return arn, nil
		}
		arn, err := a.get(ctx, k.kind, name)
		if err != nil {
			return "", err
		}
		if err := d.inAccount(s, a, k, arn); err != nil {
			return "", err
		}
		d.caches.found.Add(k, arn)
		return arn, nil
	})
	return arn, err
}

// list asks for all principals of a kind, together with all who do so at the same time.
func (d *Directory) list(ctx context.Context, a *account, k key, again bool) (map[string]string, error) {
	k.name = ""
	return share(ctx, d, fmt.Sprint("list ", k, again), func(ctx context.Context) (map[string]string, error) {
		list, err := a.list(ctx, k.kind)
		if err != nil {
			return nil, err
		}
		for _, arn := range list { // one tells for all
			if err := d.inAccount(d.setup.Load(), a, k, arn); err != nil {
				return nil, err
			}
			break
		}
		d.caches.keepList(k, list)
		return list, nil
	})
}

// share runs a question that others may be asking too, and waits for its answer no longer than ctx allows.
func share[T any](ctx context.Context, d *Directory, name string, do func(context.Context) (T, error)) (T, error) {
	var none T
	if ctx.Err() != nil { // too late to begin
		return none, errNoTime
	}
	answer := d.flights.DoChan(name, func() (any, error) {
		ctx, cancel := d.detach(ctx)
		defer cancel()
		return do(ctx)
	})
	select {
	case r := <-answer:
		return r.Val.(T), r.Err
	case <-ctx.Done():
		return none, failed(validate.ReasonTimeout, "AWS did not answer in time")
	}
}

// errNotOwn says that the guard's own credentials are another account's than the question's.
var errNotOwn error = failed(validate.ReasonForeign, "another account's credentials")

// inAccount makes sure that an answer is about the account that was meant: credentials of another account know roles of
// the same names.
func (d *Directory) inAccount(s *setup, a *account, k key, arn string) error {
	got, err := awsauth.ParseARN(arn)
	if err != nil {
		return failed(validate.ReasonMalformed, "%q is not an ARN", oneLine(arn))
	}
	if a == s.own {
		d.learn(got.Account, got.Partition)
	}
	if got.Account == k.account {
		return nil
	}
	if self, _ := d.Self(); a == s.own && self.Account != k.account {
		return errNotOwn
	}
	return failed(validate.ReasonMalformed, "the answer is about account %s instead of %s", oneLine(got.Account), k.account)
}

// conclude answers for those that IAM does not know, with what may have been meant.
func (d *Directory) conclude(ctx context.Context, s *setup, a *account, kind awsauth.Kind, absent []question) {
	if len(absent) == 0 {
		return
	}
	if self, ok := d.Self(); a == s.own && (!ok || self.Account != absent[0].key.account) {
		// What these credentials do not know may well exist where the ARN says: nothing has told whose they are.
		why := "the guard could not find out which account is its own"
		if u := d.unidentified.Load(); u != nil {
			why += ": " + asFailure(u.err).detail
		}
		for _, q := range absent {
			unverified(q, failed(validate.ReasonUnreachable, "%s", why))
		}
		return
	}
	list, listed := d.caches.list(absent[0].key)
	if !listed {
		list, _ = d.list(ctx, a, absent[0].key, false) // without it there are fewer suggestions
	}
	for i, q := range absent {
		if arn, ok := list[q.key.name]; ok { // IAM has it after all, in another letter case or since just now
			found(q, arn)
			continue
		}
		p := validate.Principal{Existence: validate.Missing}
		if i < fewHints {
			p.Suggestions = d.elsewhere(ctx, s, a, q)
		}
		p.Suggestions = append(p.Suggestions, nearest(q.key.name, list)...)
		*q.answer = p
		d.caches.missing.Add(q.key, p)
	}
}

// elsewhere looks for the same name as the other kind, and in the guard's own account.
func (d *Directory) elsewhere(ctx context.Context, s *setup, a *account, q question) (arns []string) {
	other := q.key
	if other.kind == awsauth.KindRole {
		other.kind = awsauth.KindUser
	} else {
		other.kind = awsauth.KindRole
	}
	if arn, err := d.get(ctx, s, a, other, q.arn.Name, false); err == nil {
		arns = append(arns, arn)
	}
	if a != s.own {
		arns = append(arns, d.inOwn(ctx, s, q)...)
	}
	return arns
}

// inOwn looks for a principal of the same kind and name in the guard's own account.
func (d *Directory) inOwn(ctx context.Context, s *setup, q question) []string {
	self, ok := d.Self()
	if !ok {
		return nil
	}
	k := q.key
	k.account = self.Account
	if arn, err := d.get(ctx, s, s.own, k, q.arn.Name, false); err == nil {
		return []string{arn}
	}
	return nil
}

// hintAtOwn says where principals of accounts that the policy does not know may have been meant: often just the account
// id is wrong.
func (d *Directory) hintAtOwn(ctx context.Context, s *setup, foreign []question) {
	for _, q := range foreign[:min(len(foreign), fewHints)] {
		if q.arn.Kind == awsauth.KindRole || q.arn.Kind == awsauth.KindUser {
			q.answer.Suggestions = d.inOwn(ctx, s, q)
		}
	}
}
