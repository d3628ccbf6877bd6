package decide

// AuthorOf is tested on its own: its result decides about people.
var AuthorOf = (*Settings).authorOf
