package secret

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// poll is how often sources are read without being told of a change: for
	// file systems that tell of none, and for symlinks that lead elsewhere.
	poll = 20 * time.Second
	// settle is how long a change is left to be completed.
	settle = 50 * time.Millisecond
)

// Watch follows the files until ctx ends: a file that is written, replaced,
// removed, or reached through a symlink that is swapped, as Kubernetes does it,
// is read anew within a second, or where the file system tells of no changes,
// within 20 s. It watches the folders that the files stand in.
func (v *Vault) Watch(ctx context.Context) {
	w, err := fsnotify.NewWatcher()
	var events chan fsnotify.Event
	var errs chan error
	if err == nil { // else polling must do
		defer w.Close()
		events, errs = w.Events, w.Errors
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	files := v.follow(w)
	settled := time.After(settle) // what changed before anyone looked
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-events:
			if settled == nil && matters(e, files) {
				settled = time.After(settle)
			}
		case <-errs: // an overflow: something was missed
			settled = time.After(settle)
		case <-v.updated:
			files, settled = v.follow(w), time.After(settle)
		case <-settled:
			settled = nil
			v.Refresh()
		case <-tick.C:
			files = v.follow(w) // a folder may have appeared
			v.Refresh()
		}
	}
}

// follow watches the folders of all files and of what they link to, and tells
// these paths. A folder that cannot be watched is left to polling.
func (v *Vault) follow(w *fsnotify.Watcher) map[string]bool {
	files := map[string]bool{}
	for _, file := range v.files() {
		files[filepath.Clean(file)] = true
		if target, err := filepath.EvalSymlinks(file); err == nil {
			files[target] = true
		}
	}
	for file := range files {
		if w != nil {
			_ = w.Add(filepath.Dir(file))
		}
	}
	return files
}

// matters tells whether an event may change a value: anything done to one of
// the files, and whatever came or went beside them, a symlink perhaps.
func matters(e fsnotify.Event, files map[string]bool) bool {
	return files[filepath.Clean(e.Name)] || e.Has(fsnotify.Create) || e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
}
