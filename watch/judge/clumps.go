package judge

// Clumps estimates from the blocks of a control how much failures come in bursts, within a block
// and over blocks. The zero value has seen none.
type Clumps struct {
	blocks            History // whether a block had a failure
	n, looks, squares float64
	failures          float64
}

// Observe takes one block.
func (c *Clumps) Observe(b Block) {
	if b.Control == 0 {
		return
	}
	c.blocks.Observe(b.ControlFailures > 0)
	// The rate is that of the blocks before, so that a block is not compared with itself.
	if c.n > 0 {
		expected := float64(b.Control) * (c.failures + 0.5) / (c.looks + 1)
		c.squares += (float64(b.ControlFailures) - expected) * (float64(b.ControlFailures) - expected) / expected
	}
	c.n++
	c.looks += float64(b.Control)
	c.failures += float64(b.ControlFailures)
}

// temperMore is for what blocks so far do not show yet.
const temperMore = 1.5

// Tempering is what the evidence of the next block is divided by: that of the runs of blocks with
// failures, or the index of dispersion, whichever is more, and half as much again.
func (c *Clumps) Tempering() float64 {
	most := temperMore * Tempering(c.blocks.Persistence())
	if c.n > 1 {
		most = max(most, temperMore*c.squares/(c.n-1))
	}
	return most
}
