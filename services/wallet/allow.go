package wallet

// allow asks the rules whether a dealing is permissible.
func (s *Service) allow(b *batch, st *step) error { return nil }
