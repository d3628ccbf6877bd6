// Package forward sends the guardian's own alerts to Alertmanagers, as Prometheus does: at once
// when they begin to fire or resolve, and again and again while they fire, each time with the end at
// which the Alertmanager may take them for resolved if it hears nothing more.
//
// It neither evaluates rules nor decides who is notified, and does not forward what others sent to
// the guardian. Start at Forwarder.
package forward
