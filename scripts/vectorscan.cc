// Measures Vectorscan beside `make bench-mask`. Built by scripts/vectorscan and
// run by bench/mask; no part of the product.
//
//   vectorscan PATTERNS TEXT...
//
// PATTERNS is a file of literals, each with its length before it (four bytes,
// little-endian). They are compiled for streaming, and "built SECONDS BYTES VERSION"
// is printed. Each line "TEXT CHUNK MILLISECONDS" of the input (TEXT counts from 0)
// then scans that text over and over as one stream, cut into chunks, for so
// long; "BYTES-PER-SECOND MATCHES" is printed. With 0 milliseconds it is scanned
// once.

#include <hs/hs.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

// seconds that this thread has run: others may share its core.
static double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double since(double start) { return now() - start; }

static void check(hs_error_t status, const char *what) {
  if (status != HS_SUCCESS) {
    fprintf(stderr, "vectorscan: %s: error %d\n", what, status);
    exit(1);
  }
}

static std::string read(const char *path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    fprintf(stderr, "vectorscan: reading \"%s\"\n", path);
    exit(1);
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

static hs_database_t *compile(const std::string &patterns) {
  std::vector<const char *> literals;
  std::vector<size_t> lengths;
  std::vector<unsigned> ids;
  for (size_t at = 0; at < patterns.size();) {
    uint32_t length;
    memcpy(&length, &patterns[at], sizeof length);
    literals.push_back(&patterns[at + sizeof length]);
    lengths.push_back(length);
    ids.push_back(ids.size());
    at += sizeof length + length;
  }
  std::vector<unsigned> flags(ids.size(), 0);
  hs_database_t *database;
  hs_compile_error_t *error;
  if (hs_compile_lit_multi(literals.data(), flags.data(), ids.data(), lengths.data(), ids.size(), HS_MODE_STREAM, nullptr, &database, &error) != HS_SUCCESS) {
    fprintf(stderr, "vectorscan: compiling: %s\n", error->message);
    exit(1);
  }
  return database;
}

static int count(unsigned, unsigned long long, unsigned long long, unsigned, void *matches) {
  ++*static_cast<unsigned long long *>(matches);
  return 0;
}

static void scan(const hs_database_t *database, hs_scratch_t *scratch, const std::string &text, size_t chunk, double seconds) {
  hs_stream_t *stream;
  check(hs_open_stream(database, 0, &stream), "opening a stream");
  unsigned long long matches = 0, bytes = 0, pause = 0;
  double start = now();
  do {
    for (size_t at = 0; at < text.size(); at += chunk) {
      size_t n = std::min(chunk, text.size() - at);
      check(hs_scan_stream(stream, &text[at], n, 0, scratch, count, &matches), "scanning");
      bytes += n;
      // The clock is read once in a while: it is slow beside a small chunk.
      if (seconds > 0 && bytes >= pause) {
        if (since(start) >= seconds) break;
        pause = bytes + (256 << 10);
      }
    }
  } while (since(start) < seconds);
  double took = since(start);
  check(hs_close_stream(stream, scratch, count, &matches), "closing the stream");
  printf("%.0f %llu\n", bytes / took, matches);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "vectorscan: takes PATTERNS TEXT...\n");
    return 2;
  }
  std::string patterns = read(argv[1]);
  std::vector<std::string> texts;
  for (int i = 2; i < argc; i++) texts.push_back(read(argv[i]));

  double start = now();
  hs_database_t *database = compile(patterns);
  double took = since(start);
  hs_scratch_t *scratch = nullptr;
  check(hs_alloc_scratch(database, &scratch), "allocating scratch");
  size_t size, needs;
  check(hs_database_size(database, &size), "asking for the size");
  check(hs_scratch_size(scratch, &needs), "asking for the size");
  printf("built %.3f %zu %.*s\n", took, size + needs, int(strcspn(hs_version(), " ")), hs_version());
  fflush(stdout);

  for (size_t text, chunk, milliseconds; std::cin >> text >> chunk >> milliseconds; fflush(stdout))
    scan(database, scratch, texts.at(text), chunk, milliseconds / 1000.0);
}
