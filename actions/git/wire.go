package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"guardian/actions"
	"guardian/internal/reason"
)

const (
	// mostRefs bounds what a server tells of its branches and tags, in bytes: some 300,000 of them.
	mostRefs = 32 << 20
	// mostPack bounds what is fetched, in bytes as they are sent.
	mostPack = 32 << 20
)

// server is a connection to a repository's server.
type server interface {
	// open begins to talk to one of its services. Nothing has happened when it fails.
	open(ctx context.Context, service string) (talk, error)
	Close() error
}

// talk is a conversation with a service: first it says what the repository has, then it answers one
// request.
type talk interface {
	// refs is what it says at first.
	refs() io.Reader
	// ask sends the request. The error is errRefused when the server answered that it will not do it, and
	// any other one when the answer was lost.
	ask(ctx context.Context, request *bytes.Buffer) (io.Reader, error)
	// said is what the server wrote beside its answers.
	said() string
	Close() error
}

// connect reaches the server of the repository.
func (g *step) connect(ctx context.Context) (server, error) {
	if g.at.Protocol == "ssh" {
		client, err := g.s.SSH.Dial(ctx, g.account())
		if err != nil {
			return nil, err
		}
		return &sshServer{client: client, path: g.at.Path}, nil
	}
	return g.newHTTP()
}

// listen opens a service and reads which branches and tags there are.
func (g *step) listen(ctx context.Context, s server, service string) (talk, *packp.AdvRefs, error) {
	t, err := s.open(ctx, service)
	if err != nil {
		return nil, nil, err
	}
	refs := packp.NewAdvRefs()
	if err := refs.Decode(io.LimitReader(t.refs(), mostRefs)); err != nil && !errors.Is(err, packp.ErrEmptyAdvRefs) {
		_ = t.Close()
		if said := t.said(); said != "" {
			err = errors.New(said)
		}
		return nil, nil, actions.Failure(reason.New("git_read", "host", g.host(), "error", err))
	}
	return t, refs, nil
}

// want is what is fetched.
type want struct {
	hashes []plumbing.Hash
	depth  int
	files  bool // with the contents of small files
}

// fetch gives a pack with commits and what is in them.
func (g *step) fetch(ctx context.Context, t talk, refs *packp.AdvRefs, w want) ([]byte, error) {
	can := refs.Capabilities
	// What go-git cannot read.
	for _, c := range []capability.Capability{capability.MultiACK, capability.MultiACKDetailed, capability.ThinPack} {
		can.Delete(c)
	}
	request := packp.NewUploadPackRequestFromCapabilities(can)
	request.Wants = w.hashes
	if can.Supports(capability.Shallow) {
		_ = request.Capabilities.Set(capability.Shallow)
		request.Depth = packp.DepthCommits(w.depth)
	}
	if can.Supports(capability.NoProgress) {
		_ = request.Capabilities.Set(capability.NoProgress)
	}
	if can.Supports(capability.Filter) {
		_ = request.Capabilities.Set(capability.Filter)
		request.Filter = packp.FilterBlobNone()
		if w.files {
			request.Filter = packp.FilterBlobLimit(mostFile>>10, packp.BlobLimitPrefixKibi)
		}
	}
	var body bytes.Buffer
	if err := errors.Join(request.UploadRequest.Encode(&body), sendDone(&body)); err != nil {
		return nil, err
	}
	answer, err := t.ask(ctx, &body)
	if err != nil {
		return nil, g.unread(ctx, t, err)
	}
	response := packp.NewUploadPackResponse(request)
	if err := response.Decode(io.NopCloser(answer)); err != nil {
		return nil, g.unread(ctx, t, err)
	}
	pack, err := io.ReadAll(io.LimitReader(unbanded(request.Capabilities, response, io.Discard), mostPack+1))
	switch {
	case err != nil:
		return nil, g.unread(ctx, t, err)
	case len(pack) > mostPack:
		return nil, errTooLarge
	}
	return pack, nil
}

var errTooLarge = errors.New("larger than what is fetched")

// unread words an error of a fetch.
func (g *step) unread(ctx context.Context, t talk, err error) error {
	if said := t.said(); said != "" {
		err = fmt.Errorf("%w (%s)", err, said)
	}
	return actions.Failure(reason.New("git_read", "host", g.host(), "error", actions.ReasonOf(err)))
}

// sendDone ends a request: the client has nothing yet.
func sendDone(w io.Writer) error {
	_, err := io.WriteString(w, "0009done\n")
	return err
}

// unbanded takes an answer out of the bands in which it is sent; what the server writes for people goes to
// progress.
func unbanded(agreed *capability.List, r io.Reader, progress io.Writer) io.Reader {
	kind := sideband.Sideband64k
	switch {
	case agreed.Supports(capability.Sideband64k):
	case agreed.Supports(capability.Sideband):
		kind = sideband.Sideband
	default:
		return r
	}
	d := sideband.NewDemuxer(kind, r)
	d.Progress = progress
	return d
}

// push asks the server to move the branch from one commit to another, with the objects of the pack. The
// server does so only if the branch is there.
func (g *step) push(ctx context.Context, s server, move *packp.Command, pack []byte) (said string, err error) {
	t, refs, err := g.listen(ctx, s, transport.ReceivePackServiceName)
	if err != nil {
		return "", err
	}
	defer func() { _ = t.Close() }()
	if refs.References[move.Name.String()] != move.Old {
		return "", errMoved
	}
	request := packp.NewReferenceUpdateRequestFromCapabilities(refs.Capabilities)
	if refs.Capabilities.Supports(capability.Sideband64k) {
		_ = request.Capabilities.Set(capability.Sideband64k)
	}
	if !refs.Capabilities.Supports(capability.ReportStatus) {
		return "", actions.Failure(reason.New("git_no_report", "host", g.host()))
	}
	request.Commands = []*packp.Command{move}
	request.Packfile = io.NopCloser(bytes.NewReader(pack))
	var body bytes.Buffer
	if err := request.Encode(&body); err != nil {
		return "", actions.Failure(reason.Text(err.Error()), err)
	}
	// From here on it may have happened, whatever goes wrong.
	lost := func(err error) error {
		return actions.Lost(reason.New("git_push_lost", "host", g.host(), "branch", move.Name.Short(), "error", actions.ReasonOf(err)), err, ctx.Err())
	}
	answer, err := t.ask(ctx, &body)
	switch {
	case errors.Is(err, errRefused):
		return "", err
	case err != nil:
		return "", lost(err)
	}
	var words actions.Clip
	report := packp.NewReportStatus()
	err = report.Decode(unbanded(request.Capabilities, answer, &words))
	said = words.Text(g.env.Redactor, &g.local)
	if err != nil {
		return said, lost(err)
	}
	if err := report.Error(); err != nil {
		return said, actions.Failure(reason.Text(err.Error()), errRefused)
	}
	return said, nil
}

// errMoved is the error of a branch that is not at the commit that the new one follows.
var errMoved = errors.New("the branch has moved on")

// errRefused is a cause of the error of a server that answered that it will not do what it was asked for.
var errRefused = errors.New("refused")
