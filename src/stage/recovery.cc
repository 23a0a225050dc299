// How it works. recover_directory() looks at each file of the stage directory. Files that are no segments
// of ours are moved aside. A segment is scanned from its header on: each chunk's header says how long the
// chunk is, so the next one begins where it ends. The scan ends at the first chunk that is not of this life
// of the segment. Payloads are not read here, as Stage::read() verifies them when they are used.
//
// A file of ours whose first block is zeros was made, and its header did not come to the disk: the process
// was killed in between, or the power failed. It is removed, and so is a file that was cut.
//
// Worked case: the process was killed while three full chunks were being written, and the second write did
// not reach the device.
//
//   at 4,096         "PSCK", checksum good, sequence 12, offset 4,096     taken
//   at 8,400,896     "PSCK", checksum good, sequence 7                    of an earlier life: the scan ends
//   at 16,797,696    whole, sequence 12                                   not seen: Kafka has its records
//
// Had the second write been torn within the header, its checksum would differ: the scan ends too, and
// `torn` says so in a message. To lose a chunk costs only a refetch, so nothing is searched for behind the
// end.
//
// keep_segments() then chooses what a restart may use again. It keeps segments whole, the earliest first,
// because a partition goes on where its earliest staged batch begins and later batches are of no use
// without it.
#include "stage/recovery.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"
#include "codec/checksum.h"
#include "stage/transfer.h"

namespace penstock::stage {
namespace {

constexpr std::size_t k_read_bytes = std::size_t{256} << 10;

// 0, an errno, or EBADMSG where the bytes are not those of the checksum.
int verify_payload(int fd, const ChunkPlace& place, std::vector<std::byte>& buffer) {
  std::uint32_t checksum = 0;
  std::uint64_t at = 0;
  buffer.resize(k_read_bytes);
  while (at < place.payload_bytes) {
    const std::size_t piece = std::min<std::uint64_t>(buffer.size(), place.payload_bytes - at);
    const MutableBytes bytes(buffer.data(), piece);
    if (const int error = read_all_now(fd, bytes, place.offset + k_chunk_header_bytes + at); error != 0) {
      return error;
    }
    checksum = codec::crc32c(bytes, checksum);
    at += piece;
  }
  return checksum == place.payload_checksum ? 0 : EBADMSG;
}

// Reads chunk after chunk into `scan`; what ended it, if that was not the end.
void scan_chunks(int fd, std::uint32_t segment, Payloads payloads, SegmentScan& scan) {
  std::vector<std::byte> header(k_chunk_header_bytes);
  std::vector<std::byte> buffer;
  std::uint64_t offset = k_block_bytes;
  while (offset + k_chunk_header_bytes <= scan.header.segment_bytes) {
    if (const int error = read_all_now(fd, header, offset); error != 0) {
      scan.torn = concat("at ", offset, ": ", os_error(error, "reading").message);
      return;
    }
    auto chunk = decode_chunk_header(header, scan.header.sequence, offset);
    if (!chunk.ok()) {
      if (chunk.error().kind == ErrorKind::corrupt) {
        scan.torn = concat("at ", offset, ": ", chunk.error().message);
      }
      return;
    }
    const std::uint64_t bytes = chunk_bytes(chunk->place.payload_bytes);
    if (bytes > scan.header.segment_bytes - offset) {
      scan.torn = concat("at ", offset, ": the chunk is longer than its segment");
      return;
    }
    if (payloads == Payloads::verified) {
      if (const int error = verify_payload(fd, chunk->place, buffer); error != 0) {
        scan.torn = concat("at ", offset, ": the payload does not match its checksum");
        return;
      }
    }
    const Extent extent{.segment = segment, .offset = offset, .payload_bytes = chunk->place.payload_bytes};
    scan.chunks.push_back({std::move(chunk).value(), extent});
    offset += bytes;
  }
}

}  // namespace

Result<SegmentScan> scan_segment(int fd, std::uint32_t segment, Payloads payloads) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return os_error(errno, "asking for its size");
  }
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);  // no read-ahead over payloads
  std::vector<std::byte> block(k_block_bytes);
  if (const int error = read_all_now(fd, block, 0); error != 0 && error != ENODATA) {
    return os_error(error, "reading its header");
  }
  if (std::all_of(block.begin(), block.end(), [](std::byte each) { return each == std::byte{0}; })) {
    return SegmentScan{};
  }
  auto header = decode_segment_header(block);
  if (!header.ok()) {
    return header.error();
  }
  SegmentScan scan;
  scan.header = *header;
  scan.complete =
      header->sequence != 0 && static_cast<std::uint64_t>(status.st_size) == header->segment_bytes;
  if (scan.complete) {
    scan_chunks(fd, segment, payloads, scan);
  }
  return scan;
}

Result<SegmentScan> scan_segment(const std::string& path, std::uint32_t segment, Payloads payloads) {
  const std::string what = concat("reading the stage file ", path);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) {
    return os_error(errno, what);
  }
  auto scan = scan_segment(fd.get(), segment, payloads);
  if (!scan.ok()) {
    scan.error().message = concat(what, ": ", scan.error().message);
  }
  return scan;
}

namespace {

// A segment of ours: its chunks are taken, then the file is kept for use or removed.
void take_segment(const Directory& directory, std::uint32_t number, SegmentScan scan,
                  std::uint64_t segment_bytes, std::size_t files_max, Leftovers& found) {
  const std::string path = directory.path_of(segment_name(number));
  found.greatest_sequence = std::max(found.greatest_sequence, scan.header.sequence);
  for (RecoveredChunk& chunk : scan.chunks) {
    found.recovered.bytes += chunk.extent.payload_bytes;
    found.recovered.chunks.push_back(std::move(chunk));
  }
  if (!scan.torn.empty()) {
    found.recovered.messages.push_back(concat("the stage file ", path, " is cut off ", scan.torn));
  }
  const bool fits = scan.header.segment_bytes == segment_bytes && found.reusable.size() < files_max;
  if (scan.complete && fits) {
    found.reusable.push_back(number);
  } else if (::unlink(path.c_str()) == 0) {
    found.recovered.messages.push_back(concat(
        "removed ", path, ": ", scan.complete ? "the stage's size has changed" : "it is not complete"));
  }
}

}  // namespace

Result<Leftovers> recover_directory(const Directory& directory, std::uint64_t segment_bytes,
                                    std::size_t files_max) {
  Leftovers found;
  auto names = directory.files();
  if (!names.ok()) {
    return names.error();
  }
  for (const std::string& name : *names) {
    std::string reason = "it is not the stage's";
    if (const auto number = segment_number(name); number.has_value()) {
      auto scan = scan_segment(directory.path_of(name), *number, Payloads::skipped);
      if (scan.ok()) {
        take_segment(directory, *number, std::move(scan).value(), segment_bytes, files_max, found);
        continue;
      }
      reason = scan.error().message;
    }
    auto moved = directory.move_aside(name, reason);
    if (!moved.ok()) {
      return moved.error();
    }
    found.recovered.messages.push_back(std::move(moved).value());
  }
  return found;
}

namespace {

bool is_kept(const Leftovers& found, std::uint32_t number) {
  return std::any_of(found.kept.begin(), found.kept.end(),
                     [number](const KeptSegment& segment) { return segment.number == number; });
}

void forget_chunks_that_are_not_kept(Leftovers& found) {
  std::erase_if(found.recovered.chunks,
                [&found](const RecoveredChunk& each) { return !is_kept(found, each.extent.segment); });
  found.recovered.bytes = 0;
  for (const RecoveredChunk& each : found.recovered.chunks) {
    found.recovered.bytes += each.extent.payload_bytes;
  }
}

}  // namespace

void keep_segments(Leftovers& found, std::size_t segments_max) {
  std::map<std::uint32_t, KeptSegment> candidates;
  for (const RecoveredChunk& each : found.recovered.chunks) {
    KeptSegment& segment = candidates[each.extent.segment];
    segment.number = each.extent.segment;
    segment.sequence = each.chunk.place.sequence;
    ++segment.chunk_count;
  }
  for (const std::uint32_t number : found.reusable) {  // others are gone
    if (const auto candidate = candidates.find(number); candidate != candidates.end()) {
      found.kept.push_back(candidate->second);
    }
  }
  std::sort(found.kept.begin(), found.kept.end(),
            [](const KeptSegment& a, const KeptSegment& b) { return a.sequence < b.sequence; });
  std::size_t chunk_count = 0;
  std::size_t kept = 0;
  for (; kept < std::min(segments_max, found.kept.size()); ++kept) {
    chunk_count += found.kept[kept].chunk_count;
    if (chunk_count > k_kept_chunks_max) {
      break;
    }
  }
  found.kept.resize(kept);
  std::erase_if(found.reusable, [&found](std::uint32_t number) { return is_kept(found, number); });
  forget_chunks_that_are_not_kept(found);
  std::stable_sort(found.recovered.chunks.begin(), found.recovered.chunks.end(),
                   [](const RecoveredChunk& a, const RecoveredChunk& b) {
                     return a.chunk.place.sequence < b.chunk.place.sequence;
                   });
}

void give_up_latest(Leftovers& found) {
  found.reusable.push_back(found.kept.back().number);
  found.kept.pop_back();
  forget_chunks_that_are_not_kept(found);
}

}  // namespace penstock::stage
