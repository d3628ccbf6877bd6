package notifiers

import (
	"context"
	"fmt"
	"time"
)

// Usage is how many calls of a receiver's monthly quota were made.
type Usage struct {
	Receiver string
	Month    string // 2026-11, in UTC
	Calls    int
	Quota    int
}

// month counts the calls of a calendar month. Calls of other months are not of interest.
type month struct {
	name  string // 2026-11; "": nothing was counted yet
	calls int
	said  int // percent of the quota that people were warned about
}

// warnAt are the shares of a quota, in percent, at which people are warned.
const (
	warnEarly = 80
	warnFull  = 100
)

// in returns the count for the month of a time: a new one when that has begun.
func (m month) in(now time.Time) month {
	if name := now.UTC().Format("2006-01"); m.name != name {
		return month{name: name}
	}
	return m
}

// crossed returns the share of the quota that was reached and of which people were not warned yet;
// 0: none.
func (m month) crossed(quota int) int {
	if quota <= 0 {
		return 0
	}
	for _, share := range []int{warnFull, warnEarly} {
		if m.said < share && m.calls*100 >= quota*share {
			return share
		}
	}
	return 0
}

// monthStart returns when the month of a time began.
func monthStart(now time.Time) time.Time {
	y, m, _ := now.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// loadMonth reads how many calls were made this month before this worker started. What was reached
// by then, people were warned about.
func (w *worker) loadMonth(ctx context.Context) {
	now := w.d.o.Now()
	n, err := w.d.o.Outbox.CountCalls(ctx, w.name, monthStart(now))
	if err != nil {
		if ctx.Err() == nil {
			w.d.o.Log.Error("outbox could not be read; the calls of this month are counted from now on", "receiver", w.name, "error", err)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.month = month{}.in(now)
	w.month.calls = n
	w.month.said = w.month.crossed(w.receiver.MonthlyQuota)
	w.showMonth()
}

// countCall counts a call. It returns the usage when it has reached a share of the quota of which
// people are to be warned. The caller holds the lock.
func (w *worker) countCall(now time.Time) (Usage, bool) {
	w.month = w.month.in(now)
	w.month.calls++
	w.showMonth()
	share := w.month.crossed(w.receiver.MonthlyQuota)
	if share == 0 {
		return Usage{}, false
	}
	w.month.said = share
	return Usage{Receiver: w.name, Month: w.month.name, Calls: w.month.calls, Quota: w.receiver.MonthlyQuota}, true
}

func (w *worker) showMonth() {
	w.d.metrics.monthCalls.WithLabelValues(w.name).Set(float64(w.month.calls))
	w.d.metrics.monthQuota.WithLabelValues(w.name).Set(float64(w.receiver.MonthlyQuota))
}

// quotaNotice queues the notice that a quota is nearly or wholly used up: to the receiver itself as
// long as it can be expected to deliver it, else to another one.
func (w *worker) quotaNotice(u Usage, now time.Time) (Delivery, bool) {
	w.d.o.Log.Warn("the monthly quota of calls is being used up", "receiver", u.Receiver, "month", u.Month, "calls", u.Calls, "quota", u.Quota)
	if w.d.o.OnQuota == nil {
		return Delivery{}, false
	}
	share := warnEarly
	if u.Calls >= u.Quota {
		share = warnFull
	}
	d := Delivery{
		ID:       fmt.Sprintf("%s_quota_%s_%d", w.name, u.Month, share), // the same after a crash
		Receiver: w.name, State: Queued, NextAt: now, Updated: now,
	}
	if to := w.d.anotherReceiver(d, now); to != "" && share == warnFull {
		d.Receiver = to
	}
	d.Notice = w.d.o.OnQuota(u, d.Receiver)
	return d, true
}
