package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// pool holds images/ID.img and, for what a request must find again, images/ID.json. Each appears by a rename, so a
// driver that dies half way leaves only files that the next try overwrites.
type pool struct{ images string }

// record is what is remembered of a volume or snapshot.
type record struct {
	Name    string    `json:"name"`
	Size    int64     `json:"size"`
	Source  string    `json:"source,omitempty"`
	Created time.Time `json:"created"`
}

var errNotFound = errors.New("not in the pool")

func openPool(folder string) (*pool, error) {
	images := filepath.Join(folder, "images")
	return &pool{images: images}, os.MkdirAll(images, 0o700)
}

// identify makes the same id of the same name, so that a repeated request finds what the first one made.
func identify(kind, name string) string {
	sum := sha256.Sum256([]byte(name))
	return kind + "-" + hex.EncodeToString(sum[:10])
}

func (p *pool) image(id string) string { return filepath.Join(p.images, id+".img") }

func (p *pool) isID(id string) bool { return id != "" && filepath.Base(id) == id }

func (p *pool) find(id string) (record, error) {
	var found record
	if !p.isID(id) {
		return found, errNotFound
	}
	text, err := os.ReadFile(filepath.Join(p.images, id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return found, errNotFound
	}
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(text, &found)
}

func (p *pool) list(kind string) (map[string]record, error) {
	files, err := filepath.Glob(filepath.Join(p.images, kind+"-*.json"))
	found := map[string]record{}
	for _, file := range files {
		id := strings.TrimSuffix(filepath.Base(file), ".json")
		if one, err := p.find(id); err == nil {
			found[id] = one
		}
	}
	return found, err
}

// create makes an image: empty with a file system, or a reflink copy of another one's.
func (p *pool) create(id string, wanted record) error {
	half := p.image(id) + ".half"
	if err := p.fill(half, wanted); err != nil {
		_ = os.Remove(half)
		return err
	}
	if err := os.Rename(half, p.image(id)); err != nil {
		return err
	}
	return p.remember(id, wanted)
}

func (p *pool) fill(half string, wanted record) error {
	if wanted.Source != "" {
		if err := run("cp", "--reflink=always", p.image(wanted.Source), half); err != nil {
			return err
		}
		return grow(half, wanted.Size)
	}
	_ = os.Remove(half)
	if err := run("truncate", "-s", fmt.Sprint(wanted.Size), half); err != nil {
		return err
	}
	// XFS: to grow a mounted ext4 needs CAP_SYS_RESOURCE, which some machines of labs lack.
	return run("mkfs.xfs", "-q", "-K", half)
}

func (p *pool) remember(id string, wanted record) error {
	text, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	file := filepath.Join(p.images, id+".json")
	if err := os.WriteFile(file+".half", text, 0o600); err != nil {
		return err
	}
	if err := run("sync", "-f", file+".half"); err != nil {
		return err
	}
	return os.Rename(file+".half", file)
}

func (p *pool) remove(id string) error {
	if !p.isID(id) {
		return nil
	}
	for _, file := range []string{filepath.Join(p.images, id+".json"), p.image(id)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// grow never shrinks.
func grow(file string, size int64) error {
	info, err := os.Stat(file)
	if err != nil || info.Size() >= size {
		return err
	}
	return os.Truncate(file, size)
}

func run(name string, arguments ...string) error {
	output, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(output)))
	}
	return nil
}
