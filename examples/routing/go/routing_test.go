package routing

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

func uuid(t *testing.T, text string) (id [16]byte) {
	bytes, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || copy(id[:], bytes) != 16 {
		t.Fatalf("no uuid: %q", text)
	}
	return id
}

// Holds routing.go to the vectors in the file that VECTORS names. Prints how many there were.
func TestVectors(t *testing.T) {
	file, err := os.ReadFile(os.Getenv("VECTORS"))
	if err != nil {
		t.Fatal(err)
	}
	pools := [16]string{"a", "a", "a", "a", "b", "b", "b", "b", "c", "c", "c", "c", "c", "c", "c", "d"}
	count := 0
	for _, line := range strings.Split(strings.TrimSuffix(string(file), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		count++
		fields := strings.Split(line, "\t")
		kind, value, sessionID := fields[0], fields[1], fields[2]
		found, ok := 0, true
		switch kind {
		case "user":
			found = BucketOfUser(uuid(t, value))
		case "session":
			found = BucketOfSession(uuid(t, value))
		default:
			found, ok = BucketOfToken(value)
		}
		if ok == (kind == "imported") || found < 0 || found > 4095 {
			t.Errorf("%s %q: %d, %v", kind, value, found, ok)
		}
		if kind == "imported" || kind == "malformed" {
			continue
		}
		bucket, noBucket := strconv.Atoi(fields[3])
		wanted, noRange := strconv.Atoi(fields[4])
		if noBucket != nil || noRange != nil || found != bucket || RangeOf(found) != wanted {
			t.Errorf("%s %q: %d", kind, value, found)
		}
		if sessionID != "" && BucketOfSession(uuid(t, sessionID)) != found {
			t.Errorf("%s %q: its session has another", kind, value)
		}
		if PoolOf(found, pools) != pools[wanted] {
			t.Errorf("%s %q: another pool", kind, value)
		}
	}
	fmt.Printf("%d vectors\n", count)
}
