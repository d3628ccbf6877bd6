package watch

// FollowUps is what is known of a check's failures that were followed up at the raised pace:
// of how persistent a hiccup is when looks lie that close together.
type FollowUps struct {
	Seen    int `json:"seen"`    // failures that were followed up until they cleared
	Again   int `json:"again"`   // raised looks that failed after a failure (n11)
	Cleared int `json:"cleared"` // raised looks that were up after a failure (n10)
}

// mostFollowed is how many looks the memory of follow-ups holds: beyond it, older ones count half.
const mostFollowed = 2000

// Add joins what one follow-up has shown.
func (f FollowUps) Add(o FollowUps) FollowUps {
	f.Seen += o.Seen
	f.Again += o.Again
	f.Cleared += o.Cleared
	if f.Again+f.Cleared > mostFollowed {
		f.Seen, f.Again, f.Cleared = (f.Seen+1)/2, (f.Again+1)/2, (f.Cleared+1)/2
	}
	return f
}
