// Package test keeps the rules of the whole house: who may import whom, and why. Below it
// stand the fake worlds that tests run against. Nothing but tests imports them.
package test
