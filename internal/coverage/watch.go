package coverage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/tools/cache"
)

// logEvery is how often it looks for something to log. What differs in one look only is not logged: an upgrade changes the
// policy first and the configuration seconds after it, and what lies between the two is nobody's mistake.
const logEvery = 10 * time.Second

// Watch knows the configuration in force.
type Watch struct {
	// Need is what the configuration has to agree with at the moment.
	Need func() Need
	Log  logr.Logger

	mu     sync.Mutex
	known  bool
	config *admissionregistrationv1.ValidatingWebhookConfiguration
}

// Handler is for an informer of the one configuration.
func (w *Watch) Handler() cache.ResourceEventHandler {
	take := func(object any) {
		if c, ok := object.(*admissionregistrationv1.ValidatingWebhookConfiguration); ok {
			w.take(c)
		}
	}
	return cache.ResourceEventHandlerFuncs{AddFunc: take, UpdateFunc: func(_, object any) { take(object) }, DeleteFunc: func(any) { w.take(nil) }}
}

func (w *Watch) take(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known, w.config = true, c
}

// gaps are those of now. Before the first look there are none, since nothing is known.
func (w *Watch) gaps() ([]Gap, error) {
	w.mu.Lock()
	config, known := w.config, w.known
	w.mu.Unlock()
	if !known {
		return nil, nil
	}
	return Gaps(config, w.Need())
}

// Check says what is left out.
func (w *Watch) Check() error {
	gaps, err := w.gaps()
	if err != nil || len(gaps) == 0 {
		return err
	}
	text := strings.Join(lines(gaps), "; ")
	if slices.ContainsFunc(gaps, func(g Gap) bool { return g.Kind != Missing }) {
		text += "; unless the chart's values say so, delete the ValidatingWebhookConfiguration and run helm upgrade, which creates it again"
	}
	return errors.New(text)
}

func lines(gaps []Gap) []string {
	all := []string{}
	for _, g := range gaps {
		all = append(all, g.String())
	}
	return all
}

// Run logs what is left out, as it changes, until ctx ends. synced has an answer once the first look has ended: only then a
// configuration that has not been seen is known not to exist.
func (w *Watch) Run(ctx context.Context, synced cache.InformerSynced) error {
	if !cache.WaitForCacheSync(ctx.Done(), synced) {
		return nil // it ended before
	}
	w.mu.Lock()
	w.known = true
	w.mu.Unlock()
	var log gapLog
	for {
		gaps, err := w.gaps()
		if err != nil {
			w.Log.Error(err, "cannot check whether every edit of aws-auth is judged")
		}
		log.look(w.Log, lines(gaps))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(logEvery):
		}
	}
}

// gapLog is what was seen and what was logged.
type gapLog struct{ seen, logged []string }

// look logs what is the same as at the last look, if that is news.
func (l *gapLog) look(log logr.Logger, now []string) {
	lasts := slices.Equal(now, l.seen)
	l.seen = now
	if !lasts || slices.Equal(now, l.logged) {
		return
	}
	if l.logged = now; len(now) > 0 {
		log.Info("not every edit of aws-auth is judged", "gaps", now)
	} else {
		log.Info("every edit of aws-auth is judged again")
	}
}

var gapsDesc = prometheus.NewDesc("aws_auth_guard_webhook_gaps",
	"How many things in the ValidatingWebhookConfiguration in force leave edits of aws-auth out, or may, by webhook and kind.", []string{"webhook", "gap"}, nil)

// Describe makes it a prometheus.Collector.
func (w *Watch) Describe(ch chan<- *prometheus.Desc) { ch <- gapsDesc }

// Collect compares at the moment of the scrape.
func (w *Watch) Collect(ch chan<- prometheus.Metric) {
	gaps, err := w.gaps()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(gapsDesc, err)
		return
	}
	for label, name := range map[string]string{"guard": Guard, "witness": Witness} {
		for _, kind := range kinds {
			n := 0
			for _, g := range gaps {
				if g.Webhook == name && g.Kind == kind {
					n++
				}
			}
			ch <- prometheus.MustNewConstMetric(gapsDesc, prometheus.GaugeValue, float64(n), label, string(kind))
		}
	}
}
