package artifacts

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"time"
)

// file is one file of an archive.
type file struct {
	name string // with slashes
	mode os.FileMode
	data []byte
}

// archive writes files, in their order, into a .tar.gz or a .zip file. All that it holds of a machine is what is given here:
// no owner, and one time for all files.
func archive(name string, files []file, modified time.Time) error {
	write := targz
	if strings.HasSuffix(name, ".zip") {
		write = zipped
	}
	var packed bytes.Buffer
	if err := write(&packed, files, modified.UTC()); err != nil {
		return err
	}
	return os.WriteFile(name, packed.Bytes(), 0o644)
}

func targz(out io.Writer, files []file, modified time.Time) error {
	compressed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(compressed)
	for _, f := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Format: tar.FormatPAX,
			Name: f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: modified}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return compressed.Close()
}

func zipped(out io.Writer, files []file, modified time.Time) error {
	w := zip.NewWriter(out)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: modified}
		header.SetMode(f.mode)
		entry, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}
