package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OfFolder gives a file that was made to the owner of its folder, where root made it:
// the service that owns the folder must be able to go on with what a command of root's
// wrote. Whoever may put another folder in the place of the file's gets nothing by that.
func OfFolder(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := folderOf(f)
	if err != nil {
		return fmt.Errorf("asking for the owner of the folder of %q: %w", f.Name(), err)
	}
	return f.Chown(uid, gid)
}

// folderOf is who owns the folder that a file stands in. The folder that has the name of
// that may be another by now.
func folderOf(f *os.File) (uid, gid int, err error) {
	folder, err := os.Open(filepath.Dir(f.Name()))
	if err != nil {
		return 0, 0, err
	}
	defer folder.Close()
	var owner, there, is unix.Stat_t
	if err := unix.Fstat(int(folder.Fd()), &owner); err != nil {
		return 0, 0, err
	}
	if err := unix.Fstatat(int(folder.Fd()), filepath.Base(f.Name()), &there, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return 0, 0, err
	}
	if err := unix.Fstat(int(f.Fd()), &is); err != nil {
		return 0, 0, err
	}
	if there.Dev != is.Dev || there.Ino != is.Ino {
		return 0, 0, errors.New("it stands in another folder")
	}
	return int(owner.Uid), int(owner.Gid), nil
}
