// How it works. Three cursors run inside each other: rest_ over the batches, batch_ over the records of one
// batch, and read_record() over the fields of one record. enter_batch() verifies each batch's checksum, reads
// its header, and leaves out whole batches before it decompresses anything. decode() then gives the records
// of the batch that it stopped at.
//
// An example. Asked for position 102, and told that producer 7 has aborted a transaction from offset 103 on:
//
//   batch   offsets   producer   what                        becomes
//   A       100-102   -          3 records                   the record at 102; the others are below 102
//   B       103-104   7          transactional               left out; 7 is entered into aborting_
//   C       105-107   8          transactional, compacted    the record at 106, the only one that is left
//   D       108       7          control batch, abort        left out; 7 leaves aborting_
//   E       109       7          transactional               its record: this is 7's next transaction
//   F       110-...   -          cut by the fetch's size     nothing: the next fetch brings it whole
//
// Four steps come of it: {102}, next 103; {106}, next 108; {109}, next 110; end, next 110. Positions move
// over all that is left out, so that the group's position never stays behind in a hole. A batch that is left
// out for its transaction moves the position with the next step, or, if nothing follows it, in a step without
// records.
#include "wire/records_cursor.h"

#include <algorithm>

#include "base/check.h"
#include "base/concat.h"

namespace penstock::wire {
namespace {

// A step ends with the record that reaches this many (640 KiB of views), and what one extraordinary record
// made larger is given back.
constexpr std::size_t k_headers_per_step = k_headers_always_taken;

Error too_many_headers(Offset offset) {
  return make_error(ErrorKind::unsupported, Action::give_up,
                    concat("the record at offset ", offset.value, " has far more headers than are taken: ",
                           k_headers_always_taken, ", or one per ", sizeof(HeaderView), " bytes of them"));
}

// `codec` is not none.
codec::CompressedFormat format_of(BatchCodec codec) {
  switch (codec) {
    case BatchCodec::gzip:
      return codec::CompressedFormat::gzip;
    case BatchCodec::snappy:
      return codec::CompressedFormat::snappy;
    case BatchCodec::lz4:
      return codec::CompressedFormat::lz4;
    case BatchCodec::zstd:
    case BatchCodec::none:
      break;
  }
  return codec::CompressedFormat::zstd;
}

}  // namespace

void RecordsCursor::begin(Bytes records, Position asked, std::span<const AbortedTransaction> aborted,
                          RecordHeaders headers) {
  rest_ = records;
  asked_ = next_ = reported_ = asked;
  batches_next_ = {};
  headers_wanted_ = headers == RecordHeaders::wanted;
  first_batch_ = true;
  leader_epoch_ = -1;
  bytes_needed_ = 0;
  aborted_.assign(aborted.begin(), aborted.end());
  std::sort(aborted_.begin(), aborted_.end(),
            [](const auto& a, const auto& b) { return a.first_offset < b.first_offset; });
  aborted_at_ = 0;
  aborting_.clear();
  records_left_ = 0;
  headers_.clear();
  if (headers_.capacity() > 2 * k_headers_per_step) {
    headers_.shrink_to_fit();
  }
}

Result<RecordsCursor::Step> RecordsCursor::next(std::vector<RecordView>& out, std::size_t records_max) {
  CHECK(records_max > 0U);
  out.clear();
  while (out.empty()) {
    if (records_left_ == 0) {
      auto entered = enter_batch();
      if (!entered.ok()) {
        return stop(std::move(entered).error(), out);
      }
      if (!*entered) {
        break;
      }
    }
    if (auto decoded = decode(out, records_max); !decoded.ok()) {
      return stop(std::move(decoded).error(), out);
    }
  }
  if (out.empty() && next_ == reported_) {
    return Step{Step::end, next_};
  }
  reported_ = next_;
  return Step{Step::records, next_};
}

Error RecordsCursor::stop(Error error, std::vector<RecordView>& out) {
  out.clear();
  rest_ = {};
  records_left_ = 0;
  next_ = reported_;
  return error;
}

// The next batch that holds something to give; false: there is none.
Result<bool> RecordsCursor::enter_batch() {
  while (!rest_.empty()) {
    const auto bytes = batch_bytes(rest_);
    if (!bytes.ok()) {
      return bytes.error();
    }
    if (*bytes > rest_.size()) {
      bytes_needed_ = first_batch_ ? *bytes : 0;
      rest_ = {};
      return false;
    }
    const auto batch = parse_batch(rest_.first(*bytes));
    if (!batch.ok()) {
      return batch.error();
    }
    rest_ = rest_.subspan(*bytes);
    first_batch_ = false;
    leader_epoch_ = batch->leader_epoch;
    if (batch->base_offset < batches_next_.value) {
      return bad_batch(batch->base_offset,
                       concat("comes behind one that ends at offset ", batches_next_.value - 1));
    }
    batches_next_ = after(Offset{batch->last_offset});
    const auto left_out = leaves_out(*batch);
    if (!left_out.ok()) {
      return left_out.error();
    }
    if (*left_out) {
      pass(batches_next_);
      continue;
    }
    if (auto opened = open(*batch); !opened.ok()) {
      return std::move(opened).error();
    }
    return true;
  }
  return false;
}

// The rule by which a reader of committed data goes through a log: a producer's batches are left out from the
// first offset of its aborted transaction on, up to its abort marker (a control batch). Batches of the same
// producer that are not transactional are given all the same.
Result<bool> RecordsCursor::leaves_out(const RecordBatch& batch) {
  const bool unwanted = batch.control || batch.records_count == 0 || batch.last_offset < asked_.value;
  if (batch.producer_id < 0 || aborted_.empty()) {
    return unwanted;
  }
  enter_aborted_until(batch.last_offset);
  const auto found = std::lower_bound(aborting_.begin(), aborting_.end(), batch.producer_id);
  if (found == aborting_.end() || *found != batch.producer_id) {
    return unwanted;
  }
  if (batch.control) {
    const auto abort = is_abort_marker(batch);
    if (!abort.ok()) {
      return abort.error();
    }
    if (*abort) {
      aborting_.erase(found);
    }
  }
  return unwanted || batch.transactional;
}

void RecordsCursor::enter_aborted_until(std::int64_t last_offset) {
  for (; aborted_at_ < aborted_.size() && aborted_[aborted_at_].first_offset <= last_offset; ++aborted_at_) {
    const std::int64_t producer = aborted_[aborted_at_].producer_id;
    const auto at = std::lower_bound(aborting_.begin(), aborting_.end(), producer);
    if (at == aborting_.end() || *at != producer) {
      aborting_.insert(at, producer);
    }
  }
}

// A control record's key: version int16, type int16. A batch that compaction has emptied is no marker.
Result<bool> RecordsCursor::is_abort_marker(const RecordBatch& batch) {
  if (batch.records_count == 0) {
    return false;
  }
  const auto plain = plain_records(batch);
  if (!plain.ok()) {
    return plain.error();
  }
  ByteReader reader(*plain);
  ByteReader headers{Bytes()};
  RecordView record;
  if (!read_record(reader, RecordFrame::of(batch), record, headers)) {
    return bad_batch(batch.base_offset, "is a control batch whose record is malformed");
  }
  ByteReader key(record.key);
  key.skip(2);
  const std::int16_t type = key.int16();
  if (!key.ok()) {
    return bad_batch(batch.base_offset, "is a control batch without a type");
  }
  return type == static_cast<std::int16_t>(MarkerType::abort);
}

Result<Bytes> RecordsCursor::plain_records(const RecordBatch& batch) {
  if (batch.codec == BatchCodec::none) {
    return batch.records;
  }
  auto plain = decompressor_.decompress(format_of(batch.codec), batch.records);
  if (!plain.ok()) {
    Error error = std::move(plain).error();
    error.message = concat("the record batch at offset ", batch.base_offset, ": ", error.message);
    return error;
  }
  return plain;
}

Result<void> RecordsCursor::open(const RecordBatch& batch) {
  const auto plain = plain_records(batch);
  if (!plain.ok()) {
    return plain.error();
  }
  if (static_cast<std::size_t>(batch.records_count) > plain->size() / k_record_bytes_min) {
    return bad_batch(batch.base_offset,
                     concat("counts ", batch.records_count, " records in ", plain->size(), " bytes"));
  }
  frame_ = RecordFrame::of(batch);
  batch_ = ByteReader(*plain);
  records_left_ = batch.records_count;
  offset_before_ = batch.base_offset - 1;
  return {};
}

// Reads on in the current batch. This is the innermost loop. Its state is in locals, so that it can stay in
// registers, and a record costs its varints and one view.
Result<void> RecordsCursor::decode(std::vector<RecordView>& out, std::size_t records_max) {
  const RecordFrame frame = frame_;
  ByteReader batch = batch_;
  std::int64_t before = offset_before_;
  std::int32_t left = records_left_;
  headers_.clear();
  headers_counts_.clear();
  out.reserve(std::min(records_max, static_cast<std::size_t>(left)));
  bool good = true;
  for (; left > 0 && out.size() < records_max && headers_.size() < k_headers_per_step; --left) {
    RecordView& record = out.emplace_back();
    ByteReader rest{Bytes()};
    if (!read_record(batch, frame, record, rest) || record.offset.value <= before) {
      good = false;
      break;
    }
    before = record.offset.value;
    if (before < asked_.value) {
      out.pop_back();
      continue;
    }
    if (headers_wanted_) {
      const std::int32_t count = read_headers(rest, headers_);
      if (count == k_too_many_headers) {
        return too_many_headers(record.offset);
      }
      if (count < 0) {
        good = false;
        break;
      }
      headers_counts_.push_back(count);
    }
  }
  batch_ = batch;
  offset_before_ = before;
  records_left_ = left;
  if (!good || (left == 0 && !batch.at_end())) {
    return bad_batch(frame.base_offset,
                     concat("holds a malformed record, or none where one should be, behind offset ", before));
  }
  attach_headers(out);
  pass(left == 0 ? batches_next_ : after(Offset{before}));
  return {};
}

// Only now, because the vector of headers may have moved while it grew.
void RecordsCursor::attach_headers(std::vector<RecordView>& out) {
  const HeaderView* at = headers_.data();
  for (std::size_t i = 0; i < headers_counts_.size(); ++i) {
    const auto count = static_cast<std::size_t>(headers_counts_[i]);
    out[i].headers = {at, count};
    at += count;
  }
}

void RecordsCursor::pass(Position next) {
  next_ = std::max(next_, next);
}

}  // namespace penstock::wire
