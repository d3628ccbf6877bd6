package decide

// What these give decides about people, and is tested on its own.
var (
	AuthorOf = (*Settings).authorOf
	HoldOf   = (*Settings).hold
)
