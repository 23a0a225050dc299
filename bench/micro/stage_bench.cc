// Chunks appended to the stage through the real loop, and released when they are written, as with a lake that
// keeps up: the segments are recycled. Or they are kept, as in a catch-up onto a new stage: each segment is a
// new one. The directory is a new one in $TMPDIR (/tmp); what its file system is decides the result.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "codec/checksum.h"
#include "io/loop.h"
#include "mem/slab_pool.h"
#include "micro/sample_records.h"
#include "stage/stage.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_in_flight_max = 8;
constexpr std::uint64_t k_bytes_max = std::uint64_t{256} << 20;
constexpr std::int64_t k_new_chunks = 768;  // of 1 MiB
constexpr std::uint64_t k_new_bytes_max = std::uint64_t{1} << 30;

// What this process made the kernel bring to a disk.
double written_to_disk() {
  std::ifstream file("/proc/self/io");
  std::string key;
  double value = 0;
  while (file >> key >> value && key != "write_bytes:") {
  }
  return value;
}

enum class Segments : std::uint8_t { recycled, all_new };

struct TemporaryDirectory {
  std::string path = (std::filesystem::temp_directory_path() / "penstock-bench-XXXXXX").string();
  bool made = mkdtemp(path.data()) != nullptr;

  TemporaryDirectory() = default;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

// The stage and what it stands on, in the order of their ends.
class Appender {
 public:
  Appender(const std::string& dir, std::size_t slab_bytes, io::Choice choice, Segments segments)
      : keep_(segments == Segments::all_new) {
    auto loop = io::make_loop(io::LoopOptions{.choice = choice}, system_clock());
    auto pool = mem::SlabPool::create(k_in_flight_max, slab_bytes);
    if (!loop.ok() || !pool.ok()) {
      fault_ = !loop.ok() ? loop.error().message : pool.error().message;
      return;
    }
    loop_ = std::move(loop).value();
    pool_ = std::move(pool).value();
    loop_->register_memory(pool_->region());
    stage::Options options;
    options.dir = dir;
    options.bytes_max = keep_ ? k_new_bytes_max : k_bytes_max;
    options.slab_bytes = slab_bytes;
    auto stage = stage::Stage::open(options, *loop_, system_clock());
    if (!stage.ok()) {
      fault_ = stage.error().message;
      return;
    }
    stage_ = std::move(stage).value();
    text_ = sample_text(slab_bytes - stage::k_chunk_header_bytes);
    for (std::size_t i = 0; i < k_in_flight_max; ++i) {  // every slab holds the text: appending does not copy
      mem::Slab& slab = slabs_.emplace_back(pool_->acquire());
      std::copy_n(as_bytes(text_).begin(), text_.size(), slab.data() + stage::k_chunk_header_bytes);
    }
    if (!keep_) {
      warm_up();
    }
  }

  // Appends one chunk, as soon as a slab and a place are free.
  void append() {
    while (slabs_.empty() || !stage_->has_room(text_.size())) {
      loop_->run_once(std::chrono::seconds(1));
    }
    auto slab = std::make_shared<mem::Slab>(std::move(slabs_.front()));
    slabs_.pop_front();
    const BatchId batch{.incarnation = 1, .counter = ++appended_};
    const stage::ChunkInfo info{
        .batch = batch, .topic = "api-gateway", .ranges = {}, .records = 1000, .last = true};
    auto extent = std::make_shared<stage::Extent>();
    *extent = stage_->append(info, *slab, {.bytes = text_.size(), .checksum = codec::crc32c(as_bytes(text_))},
                             [this, slab, extent](Result<void> result) {
                               if (!result.ok()) {
                                 fault_ = result.error().message;
                               } else if (!keep_) {
                                 stage_->release(*extent);
                               }
                               slabs_.push_back(std::move(*slab));
                             });
    last_ = extent;
  }

  void settle() {
    while (slabs_.size() < k_in_flight_max) {
      loop_->run_once(std::chrono::seconds(1));
    }
  }

  // Writes one more chunk, reads it back and compares.
  bool reads_back() {
    settle();
    keep_ = true;
    append();
    settle();
    mem::Slab& slab = slabs_.front();
    std::fill_n(slab.data(), slab.size(), std::byte{0});
    bool done = false;
    bool same = false;
    stage_->read(*last_, BatchId{.incarnation = 1, .counter = appended_}, 0, slab, [&](Result<void> result) {
      done = true;
      same = result.ok() && as_text(Bytes(slab.data() + stage::k_chunk_header_bytes, text_.size())) == text_;
    });
    while (!done) {
      loop_->run_once(std::chrono::seconds(1));
    }
    stage_->release(*last_);
    return same;
  }

  const std::string& fault() const { return fault_; }
  std::size_t payload_bytes() const { return text_.size(); }
  bool direct() const { return stage_->direct(); }

 private:
  // Until segments are recycled: their first writing is another kind of write.
  void warm_up() {
    for (std::uint64_t bytes = 0; bytes < k_bytes_max && fault_.empty(); bytes += text_.size()) {
      append();
    }
    settle();
  }

  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<mem::SlabPool> pool_;
  std::unique_ptr<stage::Stage> stage_;
  std::deque<mem::Slab> slabs_;
  std::string text_;
  std::shared_ptr<stage::Extent> last_;
  std::uint64_t appended_ = 0;
  bool keep_;  // what was appended is not released when it is written
  std::string fault_;
};

void run(benchmark::State& state, io::Choice choice, Segments segments) {
  const TemporaryDirectory directory;
  if (!directory.made) {
    state.SkipWithError("no directory for the stage could be made");
    return;
  }
  Appender appender(directory.path, static_cast<std::size_t>(state.range(0)), choice, segments);
  if (!appender.fault().empty()) {
    state.SkipWithError(appender.fault().c_str());
    return;
  }
  const double before = written_to_disk();
  for (auto _ : state) {
    appender.append();
  }
  appender.settle();
  state.counters["written_per_byte"] =
      (written_to_disk() - before) /
      (static_cast<double>(appender.payload_bytes()) * static_cast<double>(state.iterations()));
  if (!appender.fault().empty() || !appender.reads_back()) {
    state.SkipWithError("what was appended does not come back");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(appender.payload_bytes()) * state.iterations());
  state.SetLabel(appender.direct() ? "O_DIRECT" : "page cache");
}

void stage_append(benchmark::State& state) {
  run(state, io::Choice::best, Segments::recycled);
}

void stage_append_portable(benchmark::State& state) {
  run(state, io::Choice::portable, Segments::recycled);
}

void stage_append_new(benchmark::State& state) {
  run(state, io::Choice::best, Segments::all_new);
}

BENCHMARK(stage_append)->Arg(256 << 10)->Arg(1 << 20)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(stage_append_portable)->Arg(1 << 20)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(stage_append_new)
    ->Arg(1 << 20)
    ->Iterations(k_new_chunks)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace penstock::bench
