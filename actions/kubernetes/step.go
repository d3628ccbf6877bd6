package kubernetes

import (
	"context"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// step changes one object by its operation.
type step struct {
	s         Settings
	env       actions.Env
	local     secret.Redactor // what the kubeconfig holds
	namespace actions.Template
	op        operation
	every     time.Duration // between two looks at what the cluster has done
}

// object names an object of the cluster.
type object struct {
	resource schema.GroupVersionResource
	name     string
}

func (o object) String() string { return o.resource.Resource + "/" + o.name }

// operation is one kind of change of one object.
type operation interface {
	// target names the object.
	target(data map[string]any) (object, error)
	// plan decides the change of the object as it is now. The error is why it is refused; the change
	// then has the words that were found before.
	plan(ctx context.Context, c *cluster, now situation) (change, error)
	// progress tells how far the cluster has come with the object as it is now.
	progress(ctx context.Context, c *cluster, obj *unstructured.Unstructured) (progress, error)
	// path is the field that is changed.
	path() []string
}

// situation is an object as it is now, and what it is to be changed for.
type situation struct {
	obj  *unstructured.Unstructured
	call actions.Call
	data map[string]any // for templates
}

// change is a new value of the operation's field.
type change struct {
	value any
	cause string          // for kubectl rollout history; "": none
	words []reason.Reason // what it does, for people
}

// progress is how far the cluster has come.
type progress struct {
	done   bool
	failed bool          // the cluster gave up
	state  reason.Reason // what is still missing, or what is there
}

// maxConflicts is how often a change is decided anew because the object was written meanwhile, as
// controllers do with its status.
const maxConflicts = 10

// Do changes the object once, and waits until the cluster is done.
func (s *step) Do(ctx context.Context, call actions.Call) (string, error) {
	var out actions.Clip
	err := s.do(ctx, call, &out)
	return out.Text(s.env.Redactor, &s.local), s.redactError(err)
}

func (s *step) do(ctx context.Context, call actions.Call, out io.Writer) error {
	c, target, now, err := s.look(ctx, call)
	if err != nil {
		return err
	}
	if now.obj.GetAnnotations()[intentKey] == call.Intent {
		_, _ = fmt.Fprintf(out, "%s was changed under this intent already\n", target)
		return s.wait(ctx, c, waiting{target, call, out})
	}
	for try := 1; ; try++ {
		planned, err := s.op.plan(ctx, c, now)
		if try == 1 || err != nil {
			_, _ = fmt.Fprintf(out, "%s\n", reason.Join(planned.words...))
		}
		if err != nil {
			return err
		}
		err = c.patch(ctx, target, s.patchOf(now, planned), false)
		if err == nil {
			return s.wait(ctx, c, waiting{target, call, out})
		}
		if !apierrors.IsConflict(err) {
			return err
		}
		before := fingerprint(now.obj, s.op.path())
		if now.obj, err = c.get(ctx, target); err != nil {
			return err
		}
		if try == maxConflicts || fingerprint(now.obj, s.op.path()) != before {
			return actions.Failure(reason.New("kubernetes_conflict", "object", target, "by", lastWriter(now.obj, s.op.path())))
		}
	}
}

// look connects, and reads the object.
func (s *step) look(ctx context.Context, call actions.Call) (*cluster, object, situation, error) {
	now := situation{call: call}
	if err := ctx.Err(); err != nil {
		return nil, object{}, now, err
	}
	data, err := call.Data()
	if err != nil {
		return nil, object{}, now, err
	}
	now.data = data
	target, err := s.op.target(data)
	if err != nil {
		return nil, object{}, now, err
	}
	c, err := s.connect(data)
	if err != nil {
		return nil, target, now, err
	}
	now.obj, err = c.get(ctx, target)
	return c, target, now, err
}

// waiting is what wait needs of the step that it waits for.
type waiting struct {
	target object
	call   actions.Call
	out    io.Writer
}

// wait looks at the object until the cluster is done with it, has given up, or the time is over.
func (s *step) wait(ctx context.Context, c *cluster, w waiting) error {
	end := time.NewTimer(time.Duration(s.s.Deadline))
	defer end.Stop()
	var last reason.Reason
	for {
		p, err := s.lookAgain(ctx, c, w)
		if err != nil {
			return err
		}
		if !p.state.Equal(last) && !p.state.IsZero() {
			last = p.state
			_, _ = fmt.Fprintf(w.out, "%s: %s\n", w.target, last)
		}
		switch {
		case p.done:
			return nil
		case p.failed:
			return actions.Failure(reason.New("kubernetes_gave_up", "object", w.target, "state", last))
		}
		select {
		case <-time.After(s.every):
		case <-end.C:
			return actions.Failure(reason.New("kubernetes_not_complete", "object", w.target, "within", time.Duration(s.s.Deadline), "state", last))
		case <-ctx.Done():
			return actions.Lost(reason.New("kubernetes_time_over", "object", w.target, "state", last), ctx.Err())
		}
	}
}

// lookAgain looks at the object once more. That it could not be read is a state like any other: the
// API server may be away for a moment.
func (s *step) lookAgain(ctx context.Context, c *cluster, w waiting) (progress, error) {
	obj, err := c.get(ctx, w.target)
	switch {
	case apierrors.IsNotFound(err):
		return progress{}, err
	case err != nil:
		return progress{state: actions.ReasonOf(err)}, nil
	case !s.stands(obj, w.call):
		return progress{}, actions.Failure(s.changedSince(w.target, obj))
	}
	p, err := s.op.progress(ctx, c, obj)
	if err != nil {
		return progress{state: actions.ReasonOf(err)}, nil
	}
	return p, nil
}

// Status asks the object: the patch that changed it wrote the intent, too.
func (s *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	outcome, detail, err := s.status(ctx, call)
	return outcome, s.shown(detail), s.redactError(err)
}

func (s *step) status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	c, target, now, err := s.look(ctx, call)
	if apierrors.IsNotFound(err) {
		return actions.Unclear, actions.ReasonOf(err), nil
	}
	if err != nil {
		return actions.Unclear, reason.Reason{}, err
	}
	if now.obj.GetAnnotations()[intentKey] != call.Intent {
		return actions.NotHappened, reason.New("kubernetes_no_trace", "object", target), nil
	}
	if !s.stands(now.obj, call) {
		return actions.Unclear, s.changedSince(target, now.obj), nil
	}
	p, err := s.op.progress(ctx, c, now.obj)
	switch {
	case err != nil:
		return actions.Unclear, reason.Reason{}, err
	case p.done:
		return actions.Happened, reason.New("kubernetes_complete", "object", target, "state", p.state), nil
	case p.failed:
		return actions.Failed, reason.New("kubernetes_gave_up", "object", target, "state", p.state), nil
	default:
		return actions.Pending, p.state, nil
	}
}

// Plan implements actions.Planner: what would be changed, and what would undo it. The API server is
// asked to try the patch without keeping it (dry run), so that missing rights and the refusals of
// admission are told before.
func (s *step) Plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	planned, err := s.planCall(ctx, call)
	return s.shown(reason.Join(planned.words...)), s.redactError(err)
}

func (s *step) planCall(ctx context.Context, call actions.Call) (change, error) {
	c, target, now, err := s.look(ctx, call)
	if err != nil {
		return change{}, err
	}
	planned, err := s.op.plan(ctx, c, now)
	if err != nil {
		return planned, err
	}
	err = c.patch(ctx, target, s.patchOf(now, planned), true)
	if apierrors.IsConflict(err) { // its status was written meanwhile
		err = nil
	}
	return planned, err
}

// stands tells whether the object still has the value that this intent gave it.
func (s *step) stands(obj *unstructured.Unstructured, call actions.Call) bool {
	notes := obj.GetAnnotations()
	return notes[intentKey] == call.Intent && notes[appliedKey] == fingerprint(obj, s.op.path())
}

func (s *step) changedSince(target object, obj *unstructured.Unstructured) reason.Reason {
	return reason.New("kubernetes_changed_since", "object", target, "by", lastWriter(obj, s.op.path()))
}

func (s *step) shown(why reason.Reason) reason.Reason {
	return why.Redact(func(text string) string { return actions.Shown(text, s.env.Redactor, &s.local) })
}

func (s *step) redactError(err error) error {
	return actions.RedactError(err, s.env.Redactor, &s.local)
}
