package iam

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

const (
	// foundFor is how long a principal that was found counts as existing: long enough for one person's series of
	// edits, and a role that is deleted meanwhile existed when its mapping was first allowed.
	foundFor = 5 * time.Minute
	// missingFor is how long one that was not found is not asked for again: long enough for the several requests
	// that one kubectl command can make, too short for somebody who creates the role and tries again.
	missingFor = time.Second
	// unlistedFor is how long a list is not asked for again where the permission is lacking: names are asked for
	// without it, and after the permission is granted the wait is no longer than IAM itself may need.
	unlistedFor = 15 * time.Second
	// maxNames and maxLists bound the memory, whatever is written into aws-auth: some 2 MB, and two lists for each of a
	// good many accounts.
	maxNames, maxLists = 10_000, 64
)

// key identifies a principal as IAM does: without letter case, and without the path.
type key struct {
	partition, account string
	kind               awsauth.Kind
	name               string // lower case
}

// entity is what is kept of a principal: of a role's trust policy only what follows from it.
type entity struct {
	arn   string
	trust principal.Trust // of a role
}

// listing is a list as one identity sees it.
type listing struct {
	account *account
	kind    awsauth.Kind
}

// caches remember answers. What was found does not depend on the caller, so a changed policy loses nothing.
type caches struct {
	found    *expiring[key, entity]
	missing  *expiring[key, principal.Principal] // looked for twice
	lists    *expiring[key, map[string]entity]   // by partition, account and kind: by lower-case name
	unlisted *expiring[listing, error]           // which permission is lacking
}

func newCaches() caches {
	return caches{
		found:    newExpiring[key, entity](maxNames, foundFor),
		missing:  newExpiring[key, principal.Principal](maxNames, missingFor),
		lists:    newExpiring[key, map[string]entity](maxLists, foundFor),
		unlisted: newExpiring[listing, error](maxLists, unlistedFor),
	}
}

// entity is a principal that was seen not long ago.
func (c caches) entity(k key) (entity, bool) {
	if e, ok := c.found.Get(k); ok {
		return e, true
	}
	list, _ := c.list(k)
	e, ok := list[k.name]
	return e, ok
}

// list is the list that a principal would be in.
func (c caches) list(k key) (map[string]entity, bool) {
	k.name = ""
	return c.lists.Get(k)
}

func (c caches) keepList(k key, list map[string]entity) {
	k.name = ""
	c.lists.Add(k, list)
}

// expiring keeps values for a time, those added last if there are too many. The library's own cache with a time
// limit has a goroutine that wakes a hundred times in that time, in an idle guard too.
type expiring[K comparable, V any] struct {
	keep time.Duration
	all  *lru.Cache[K, dated[V]]
}

type dated[V any] struct {
	value V
	ends  time.Time
}

func newExpiring[K comparable, V any](size int, keep time.Duration) *expiring[K, V] {
	all, err := lru.New[K, dated[V]](size)
	if err != nil { // for a size below one
		panic(err)
	}
	return &expiring[K, V]{keep, all}
}

func (c *expiring[K, V]) Add(k K, v V) {
	c.all.Add(k, dated[V]{v, time.Now().Add(c.keep)})
	time.AfterFunc(c.keep, c.sweep)
}

func (c *expiring[K, V]) Get(k K) (V, bool) {
	d, ok := c.all.Peek(k) // its place among the others is that of its end
	if !ok || !time.Now().Before(d.ends) {
		var none V
		return none, false
	}
	return d.value, true
}

// sweep forgets what has ended.
func (c *expiring[K, V]) sweep() {
	for {
		k, d, ok := c.all.GetOldest()
		if !ok || time.Now().Before(d.ends) {
			return
		}
		c.all.Remove(k)
	}
}
