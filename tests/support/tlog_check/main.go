// Command tlog_check judges one epoch of a decision log with the Go project's own
// implementation of signed notes and tiled logs (golang.org/x/mod/sumdb).
//
//	tlog_check EPOCH_FOLDER PUBLIC_KEY PROOF
//
// It opens the checkpoint, takes the tiles only as far as the checkpoint vouches for
// them, proves every record of records.jsonl, and checks the given tlog-proof.
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tiles reads the layout of c2sp.org/tlog-tiles, which leaves the height out of paths.
type tiles struct{ folder string }

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	log.SetFlags(0)
	folder, key, proof := os.Args[1], os.Args[2], os.Args[3]
	signed := open(must(os.ReadFile(filepath.Join(folder, "checkpoint"))), key)
	reader := tlog.TileHashReader(signed, tiles{folder})
	lines := bytes.Split(must(os.ReadFile(filepath.Join(folder, "records.jsonl"))), []byte("\n"))
	for i := int64(0); i < signed.N; i++ {
		path := must(tlog.ProveRecord(signed.N, i, reader))
		check(tlog.CheckRecord(path, signed.N, signed.Hash, i, tlog.RecordHash(lines[i])))
	}
	fmt.Println(signed.N, "records,", "proof of", checkProof(must(os.ReadFile(proof)), key))
}

// open returns the tree head of a checkpoint that the key has signed.
func open(data []byte, key string) tlog.Tree {
	opened := must(note.Open(data, note.VerifierList(must(note.NewVerifier(key)))))
	rows := strings.Split(opened.Text, "\n")
	size := must(strconv.ParseInt(rows[1], 10, 64))
	return tlog.Tree{N: size, Hash: must(tlog.ParseHash(rows[2]))}
}

// checkProof returns the index of the record that a c2sp.org/tlog-proof is about.
func checkProof(data []byte, key string) int64 {
	head, checkpoint, _ := bytes.Cut(data, []byte("\n\n"))
	signed := open(checkpoint, key)
	rows := strings.Split(string(head), "\n")
	record := must(base64.StdEncoding.DecodeString(strings.TrimPrefix(rows[1], "extra ")))
	index := must(strconv.ParseInt(strings.TrimPrefix(rows[2], "index "), 10, 64))
	var path tlog.RecordProof
	for _, row := range rows[3:] {
		path = append(path, must(tlog.ParseHash(row)))
	}
	check(tlog.CheckRecord(path, signed.N, signed.Hash, index, tlog.RecordHash(record)))
	return index
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
