// Package metricsauth lets those read the metrics whom the cluster allows to.
package metricsauth

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Gate asks the API server who the owner of a bearer token is, and whether RBAC allows the owner to get the path.
// controller-runtime's filter does the same with k8s.io/apiserver, which the guard would need for nothing else.
type Gate struct {
	client kubernetes.Interface
	next   http.Handler
	log    logr.Logger
	// known are answers by the hash of their tokens; pace is how often the API server is asked.
	known *lru.Cache[[sha256.Size]byte, admitted]
	pace  *rate.Limiter
}

const (
	knownTokens  = 64
	knownFor     = time.Minute
	reviewsASec  = 5
	reviewWithin = 5 * time.Second
)

// admitted is what became of a token, as an HTTP status.
type admitted struct {
	status int
	until  time.Time
}

// New puts a gate before a handler.
func New(client kubernetes.Interface, next http.Handler, log logr.Logger) *Gate {
	known, _ := lru.New[[sha256.Size]byte, admitted](knownTokens) // fails only for a size below 1
	return &Gate{client: client, next: next, log: log, known: known, pace: rate.NewLimiter(reviewsASec, reviewsASec)}
}

// ServeHTTP lets through who may.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		http.Error(w, "a bearer token is needed", http.StatusUnauthorized)
		return
	}
	key := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + " " + token))
	answer, ok := g.known.Get(key)
	if !ok || time.Now().After(answer.until) {
		if !g.pace.Allow() {
			http.Error(w, "too many unknown tokens: try again", http.StatusTooManyRequests)
			return
		}
		status, err := g.ask(r, token)
		if err != nil {
			g.log.Error(err, "cannot ask who may read the metrics")
			http.Error(w, "the API server could not be asked", http.StatusServiceUnavailable)
			return
		}
		answer = admitted{status, time.Now().Add(knownFor)}
		g.known.Add(key, answer)
	}
	if answer.status != http.StatusOK {
		http.Error(w, http.StatusText(answer.status), answer.status)
		return
	}
	g.next.ServeHTTP(w, r)
}

// ask says by an HTTP status whether the token's owner may.
func (g *Gate) ask(r *http.Request, token string) (status int, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), reviewWithin)
	defer cancel()
	who, err := g.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return 0, err
	}
	if !who.Status.Authenticated {
		return http.StatusUnauthorized, nil
	}
	user := who.Status.User
	extra := map[string]authorizationv1.ExtraValue{}
	for k, v := range user.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	may, err := g.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: r.URL.Path, Verb: strings.ToLower(r.Method)}}}, metav1.CreateOptions{})
	if err != nil {
		return 0, err
	}
	if !may.Status.Allowed || may.Status.Denied {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}
