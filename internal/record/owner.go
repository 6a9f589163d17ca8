package record

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// OfFolder gives a file that was made to the owner of its folder, where root made it:
// the service that owns the folder must be able to go on with what a command of root's
// wrote.
func OfFolder(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder := filepath.Dir(f.Name())
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("asking for the owner of %q: %w", folder, err)
	}
	of, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("asking for the owner of %q: the system does not tell", folder)
	}
	return f.Chown(int(of.Uid), int(of.Gid))
}
