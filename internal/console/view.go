package console

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"cloakroom/internal/lease"
)

//go:embed templates assets
var files embed.FS

// page is what a template is shown with.
type page struct {
	Name  string // of the template
	Title string
	Nav   string // path of the menu's entry that it belongs to
	Visit visit  // zero: nobody
	Data  any
	Live  bool // it changes with leases
	Count int  // of what waits for the viewer
}

// In tells whether somebody is logged in.
func (p page) In() bool { return p.Visit.Who.Known() }

// functions are what templates call. Text of others goes through plain.
func functions(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"left":  func(t time.Time) template.HTML { return clock("left", t, span(t.Sub(now()))) },
		"ago":   func(t time.Time) template.HTML { return clock("ago", t, span(now().Sub(t))+" ago") },
		"plain": plain, "subject": subject, "span": span, "seconds": func(n int) string { return span(time.Duration(n) * time.Second) },
		"query": func(path string) []string {
			before, after, has := strings.Cut(path, "?")
			if has {
				after = "?" + after
			}
			return []string{before, after}
		},
		"sessionURL": func(principal, id string) string {
			return "/session?" + url.Values{"principal": {principal}, "id": {id}}.Encode()
		},
		"barred":    func() any { return barred },
		"entry":     func(p page, path, text string) any { return menuEntry{path, text, p.Nav == path} },
		"rows":      func(p page, forWhat string, leases []lease.Lease) any { return leaseRows{p, forWhat, leases} },
		"roles":     roles,
		"approvers": approvers,
		"offset":    offset, "size": size, "ms": time.Duration.Milliseconds,
		"hash":     hashed,
		"outcomes": func() any { return outcomes },
		"legend":   func() any { return legend },
	}
}

// menuEntry is one entry of the menu.
type menuEntry struct {
	Path, Text string
	Here       bool
}

// leaseRows are leases to list on a page.
type leaseRows struct {
	Page   page
	For    string // heads the column of what they are for
	Leases []lease.Lease
}

// parseTemplates parses each page together with the layout and its parts.
func parseTemplates(now func() time.Time) (map[string]*template.Template, error) {
	layout, err := template.New("layout.html").Funcs(functions(now)).ParseFS(files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*template.Template)
	for _, file := range names {
		t, err := template.Must(layout.Clone()).ParseFS(files, file)
		if err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(path.Base(file), ".html")] = t
	}
	return all, nil
}

// show answers with a page.
func (c *Console) show(w http.ResponseWriter, status int, p page) {
	var b bytes.Buffer
	if err := c.templates[p.Name].ExecuteTemplate(&b, "layout.html", p); err != nil {
		c.Logger.Error("showing a page of the console", "page", p.Name, "error", err)
		http.Error(w, "The page cannot be shown; the service's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("content-type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// the reader may be gone; there is nobody left to tell
	_, _ = w.Write(b.Bytes())
}

// serveAsset serves style, script and icon, to anybody.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("cache-control", "no-cache")
	http.ServeFileFS(w, r, files, "assets/"+path.Base(r.PathValue("name")))
}
