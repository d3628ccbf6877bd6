package docker

// Frames is fuzzed: what it reads comes from an engine.
var Frames = frames
