// How it works. The stage appends chunks to the active segment. append() fills in the header that lies
// before the payload in the same slab, pads the payload to a block, and writes all of it with one write at
// the segment's next offset. It never waits for one write before it places the next, so several are in
// flight.
//
// Worked case: segments of 64 MiB, full slabs of 8 MiB and 8 KiB.
//
//   append A0..A3, B0..B2    seven chunks fit behind the segment's header; segment X is active, live_chunks 7
//   append B3                does not fit: X is sealed, segment Y was ready and becomes active, and the
//                            loop prepares the next one meanwhile (segments.cc)
//   release A0..A3           live_chunks 3: nothing happens, space is not given back within a segment
//   release B0..B2           live_chunks 0 and no I/O in flight: X is recycled
//
// If no segment is ready, append() places nothing and returns an empty extent. The caller keeps the slab,
// stops taking records when it runs out of slabs, and hears on_room() when a segment has become ready.
//
// A chunk may be released while its write is in flight: `writing` remembers that, and the segment is
// recycled when the write has ended. A failed write releases its own chunk and seals its segment, because
// recovery ends at such a hole and would not find what lies behind it. The chunk has the segment that is
// ready for its second try. For a third it waits until retry_after is over.
//
// The lives of segments are in segments.cc. What happens once, at open, is at the end of this file.
#include "stage/stage.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "codec/checksum.h"
#include "stage/directory.h"
#include "stage/format.h"
#include "stage/segment_file.h"
#include "stage/segments.h"
#include "stage/transfer.h"

namespace penstock::stage {
namespace {

using Done = std::function<void(Result<void>)>;

// A chunk that is being written. Its owner may release it before the write is done.
struct Writing {
  Extent extent;
  bool released = false;
};

Result<std::uint64_t> segment_bytes_for(const Options& options) {
  const std::uint64_t least =
      k_block_bytes + (options.slab_bytes + k_block_bytes - 1) / k_block_bytes * k_block_bytes;
  if (options.bytes_max < 2 * least) {
    return make_error(ErrorKind::invalid_input, Action::fatal,
                      concat("the stage ", options.dir, " may have ", options.bytes_max,
                             " bytes, and needs at least ", 2 * least, ": raise stage.max_bytes"));
  }
  const std::uint64_t asked =
      options.bytes_max < 2 * options.segment_bytes ? options.bytes_max / 4 : options.segment_bytes;
  return std::max(asked / k_block_bytes * k_block_bytes, least);
}

Error corrupt(const std::string& path, const Extent& extent, std::string_view why) {
  return make_error(ErrorKind::corrupt, Action::give_up,
                    concat("reading the stage file ", path, " at ", extent.offset, ": ", why));
}

// Why `bytes`, read from `extent`, are not the chunk that was asked for; empty if they are.
std::string fault_of(Bytes bytes, const Extent& extent, std::uint64_t sequence, const BatchId& batch,
                     std::uint32_t index) {
  const auto chunk = decode_chunk_header(bytes, sequence, extent.offset);
  if (!chunk.ok()) {
    return chunk.error().message;
  }
  if (chunk->batch != batch || chunk->index != index || chunk->place.payload_bytes != extent.payload_bytes) {
    return "another chunk lies here";
  }
  const Bytes payload = bytes.subspan(k_chunk_header_bytes, extent.payload_bytes);
  return codec::crc32c(payload) == chunk->place.payload_checksum ? ""
                                                                 : "the payload does not match its checksum";
}

}  // namespace

struct Stage::State : std::enable_shared_from_this<Stage::State> {
  State(io::Loop& loop_, std::uint64_t segment_bytes_, std::uint64_t slab_bytes_, AccessChoice access_,
        std::shared_ptr<Segments> segments_, Recovered recovered_)
      : loop(loop_),
        segment_bytes(segment_bytes_),
        slab_bytes(slab_bytes_),
        access(std::move(access_)),
        segments(std::move(segments_)),
        recovered(std::move(recovered_)) {}

  void count_kept();
  bool fits(const Segment& segment, std::uint64_t bytes) const {
    return bytes <= segment_bytes - segment.next_offset;
  }
  Segment* place(std::uint64_t bytes);
  void seal_active();
  void recycle_if_unused(Segment& segment);
  void forget_chunk(Segment& segment, const Extent& extent);
  void written(Segment& segment, const Extent& extent, int error_number, const Done& done);

  io::Loop& loop;
  std::uint64_t segment_bytes;
  std::uint64_t slab_bytes;  // the largest chunk
  AccessChoice access;
  std::shared_ptr<Segments> segments;
  Recovered recovered;
  Segment* active = nullptr;
  std::vector<Writing> writing;  // as many as there are slabs in flight: a handful
  Counters counters;
  std::optional<Error> write_error;  // of the last chunk that was written
  bool closed = false;
};

void Stage::State::count_kept() {
  for (const RecoveredChunk& each : recovered.chunks) {
    counters.live_bytes += chunk_bytes(each.extent.payload_bytes);
  }
}

// The segment that takes a chunk of `bytes`, or null. A segment is left only for one that is ready.
Segment* Stage::State::place(std::uint64_t bytes) {
  CHECK(bytes <= slab_bytes);
  if (active != nullptr && fits(*active, bytes)) {
    return active;
  }
  if (!segments->has_ready()) {
    return nullptr;
  }
  seal_active();
  active = segments->take_ready();
  return active;
}

void Stage::State::seal_active() {
  if (Segment* sealed = std::exchange(active, nullptr); sealed != nullptr) {
    recycle_if_unused(*sealed);
  }
}

// The active segment goes on unless it is nearly full: left active and empty it would take no chunk, and
// would not become free either, for as long as every other segment is held by chunks that wait.
void Stage::State::recycle_if_unused(Segment& segment) {
  if (segment.live_chunks != 0 || segment.io_in_flight != 0) {
    return;
  }
  if (&segment == active) {
    if (fits(segment, slab_bytes)) {
      return;
    }
    active = nullptr;
  }
  segments->recycle(segment);
}

// Without recycling: an operation on the segment may still be in flight.
void Stage::State::forget_chunk(Segment& segment, const Extent& extent) {
  const std::uint64_t bytes = chunk_bytes(extent.payload_bytes);
  CHECK(segment.live_chunks > 0U);
  CHECK(counters.live_bytes >= bytes);
  --segment.live_chunks;
  counters.live_bytes -= bytes;
}

void Stage::State::written(Segment& segment, const Extent& extent, int error_number, const Done& done) {
  --segment.io_in_flight;
  if (closed) {
    return;
  }
  const auto entry = std::find_if(writing.begin(), writing.end(),
                                  [&](const Writing& each) { return each.extent == extent; });
  CHECK(entry != writing.end());
  const bool released = entry->released;
  writing.erase(entry);
  if (error_number == 0) {
    counters.written_bytes += chunk_bytes(extent.payload_bytes);
    write_error.reset();
    recycle_if_unused(segment);
    done({});
    return;
  }
  Error error = os_error(
      error_number, concat("writing the stage file ", segments->path_of(segment), " at ", extent.offset));
  ++counters.write_errors;
  write_error = error;
  segments->write_failed(error);
  if (!released) {
    forget_chunk(segment, extent);
  }
  if (active == &segment) {
    active = nullptr;  // recovery ends at the hole: what is written behind it would be lost with a restart
  }
  recycle_if_unused(segment);
  done(std::move(error));
}

Stage::Stage(std::shared_ptr<State> state) : state_(std::move(state)) {}

Stage::~Stage() {
  state_->closed = true;
  state_->segments->close();
}

bool Stage::has_room(std::size_t payload_bytes) const {
  const std::uint64_t bytes = chunk_bytes(payload_bytes);
  return (state_->active != nullptr && state_->fits(*state_->active, bytes)) || state_->segments->has_ready();
}

Shortage Stage::shortage() const {
  if (state_->write_error) {
    return shortage_of(*state_->write_error);
  }
  if (state_->active != nullptr && state_->fits(*state_->active, state_->slab_bytes)) {
    return {};
  }
  return state_->segments->shortage();
}

Extent Stage::append(const ChunkInfo& info, mem::Slab& slab, const Payload& payload, Done done) {
  State& state = *state_;
  const std::uint64_t bytes = chunk_bytes(payload.bytes);
  CHECK(payload.bytes <= UINT32_MAX);
  CHECK(bytes <= slab.size());
  Segment* segment = state.place(bytes);
  if (segment == nullptr) {
    return {};
  }
  const Extent extent{.segment = segment->number,
                      .offset = segment->next_offset,
                      .payload_bytes = static_cast<std::uint32_t>(payload.bytes)};
  const MutableBytes chunk = slab.bytes().first(bytes);
  const MutableBytes padding = chunk.subspan(k_chunk_header_bytes + payload.bytes);
  std::fill(padding.begin(), padding.end(), std::byte{0});
  encode_chunk_header(info,
                      {.sequence = segment->sequence,
                       .offset = extent.offset,
                       .payload_bytes = extent.payload_bytes,
                       .payload_checksum = payload.checksum},
                      chunk.first(k_chunk_header_bytes));
  segment->next_offset += bytes;
  ++segment->live_chunks;
  ++segment->io_in_flight;
  state.counters.live_bytes += bytes;
  state.writing.push_back({.extent = extent});
  write_all(state.loop, segment->fd.get(), chunk, extent.offset,
            [shared = state_, segment, extent, done = std::move(done)](int error) {
              shared->written(*segment, extent, error, done);
            });
  return extent;
}

void Stage::read(const Extent& extent, const BatchId& batch, std::uint32_t index, mem::Slab& slab,
                 Done done) {
  Segment* segment = state_->segments->find(extent.segment);
  CHECK(segment != nullptr);
  const std::uint64_t bytes = chunk_bytes(extent.payload_bytes);
  CHECK(bytes <= slab.size());
  ++segment->io_in_flight;
  const MutableBytes chunk = slab.bytes().first(bytes);
  read_all(state_->loop, segment->fd.get(), chunk, extent.offset,
           [shared = state_, segment, extent, batch, index, chunk, done = std::move(done)](int error) {
             --segment->io_in_flight;
             if (shared->closed) {
               return;
             }
             const std::string path = shared->segments->path_of(*segment);
             const std::uint64_t sequence = segment->sequence;
             shared->recycle_if_unused(*segment);
             if (error != 0) {
               done(os_error(error, concat("reading the stage file ", path, " at ", extent.offset)));
               return;
             }
             shared->counters.read_bytes += chunk.size();
             if (const auto fault = fault_of(chunk, extent, sequence, batch, index); !fault.empty()) {
               done(corrupt(path, extent, fault));
               return;
             }
             done({});
           });
}

void Stage::release(const Extent& extent) {
  Segment* segment = state_->segments->find(extent.segment);
  CHECK(segment != nullptr);
  for (Writing& each : state_->writing) {
    if (each.extent == extent) {
      CHECK(!each.released);
      each.released = true;
    }
  }
  state_->forget_chunk(*segment, extent);
  state_->recycle_if_unused(*segment);
}

void Stage::on_room(std::function<void()> room) {
  state_->segments->on_ready(std::move(room));
}

Counters Stage::counters() const {
  Counters counters = state_->counters;
  counters.write_errors += state_->segments->errors();
  counters.segment_files = state_->segments->file_count();
  return counters;
}

const Recovered& Stage::recovered() const {
  return state_->recovered;
}

void Stage::forget_recovered() {
  state_->recovered = {};
}

bool Stage::direct() const {
  return state_->access.access == Access::direct;
}

const std::string& Stage::note() const {
  return state_->access.note;
}

namespace {

// The segments, two of them ready.
Result<std::shared_ptr<Segments>> prepare_segments(const SegmentsOptions& options, Directory directory,
                                                   Leftovers& found, io::Loop& loop, const Clock& clock) {
  auto segments = std::make_shared<Segments>(options, std::move(directory), loop, clock);
  segments->begin_after(found.greatest_sequence);
  for (const std::uint32_t number : found.reusable) {
    if (auto adopted = segments->adopt(number); !adopted.ok()) {
      return adopted.error();
    }
  }
  for (const KeptSegment& kept : found.kept) {
    if (auto opened = segments->keep(kept); !opened.ok()) {
      return opened.error();
    }
  }
  for (int ready = 0; ready < 2;) {
    auto prepared = segments->prepare_now();
    if (prepared.ok()) {
      ++ready;
    } else if (!found.kept.empty()) {  // a disk without room: what is there must do
      Segment* latest = segments->find(found.kept.back().number);
      give_up_latest(found);
      segments->free(*latest);
    } else {
      return prepared.error();
    }
  }
  return segments;
}

}  // namespace

Result<std::unique_ptr<Stage>> Stage::open(const Options& options, io::Loop& loop, const Clock& clock) {
  const auto segment_bytes = segment_bytes_for(options);
  if (!segment_bytes.ok()) {
    return segment_bytes.error();
  }
  const std::size_t files_max = options.bytes_max / *segment_bytes;
  auto directory = Directory::open(options.dir);
  if (!directory.ok()) {
    return directory.error();
  }
  auto access = probe_access(options.dir);
  if (!access.ok()) {
    return access.error();
  }
  if (!options.direct) {
    *access = {.access = Access::buffered, .note = "the configuration asks for buffered writes"};
  }
  auto found = recover_directory(*directory, *segment_bytes, files_max);
  if (!found.ok()) {
    return found.error();
  }
  if (options.keep_recovered) {
    keep_segments(*found, files_max - 2);
  }
  auto segments = prepare_segments({.segment_bytes = *segment_bytes,
                                    .files_max = files_max,
                                    .access = access->access,
                                    .retry_after = options.retry_after,
                                    .answers_within = options.answers_within},
                                   std::move(directory).value(), *found, loop, clock);
  if (!segments.ok()) {
    return segments.error();
  }
  auto state = std::make_shared<State>(loop, *segment_bytes, options.slab_bytes, std::move(access).value(),
                                       std::move(segments).value(), std::move(found->recovered));
  if (options.keep_recovered) {
    state->count_kept();
  }
  return std::unique_ptr<Stage>(new Stage(std::move(state)));
}

}  // namespace penstock::stage
