package main

import (
	"cloakroom/internal/config"
	"cloakroom/internal/identity"
	"cloakroom/internal/secret"
)

// login is how people of one issuer log in.
type login struct {
	config.Login
	page *identity.Login
	cli  *identity.Login // nil: the command line has no client of its own
}

func loginsOf(verifier *identity.Verifier, all []config.Login) ([]login, error) {
	var logins []login
	for _, c := range all {
		l := login{Login: c}
		how := identity.LoginConfig{Issuer: c.Issuer, ClientID: c.ClientID, Secret: readerOf(c.ClientSecret), Scopes: c.Scopes, ACR: c.ACR}
		var err error
		if l.page, err = verifier.Login(how); err != nil {
			return nil, err
		}
		if c.CLIClientID != "" {
			how.ClientID, how.Secret = c.CLIClientID, nil
			if l.cli, err = verifier.Login(how); err != nil {
				return nil, err
			}
		}
		logins = append(logins, l)
	}
	return logins, nil
}

// readerOf reads a client's secret anew each time; nil: there is none.
func readerOf(source *secret.Source) func() (string, error) {
	if source == nil {
		return nil
	}
	return func() (string, error) {
		v, err := source.Read()
		return string(v.Reveal()), err
	}
}
