// Reads the `records` field of one partition of a Fetch response, record by record, where it lies: what a
// consumer at read_committed sees, and nothing else. Left out are records below the position asked for,
// control batches, and the batches of aborted transactions; the position moves over them as it does over what
// compaction took away.
//
//   cursor.begin(records, asked, aborted, RecordHeaders::skipped);
//   for (;;) {
//     const auto step = cursor.next(views, 1000);    // an error: the caller names the partition and stops it
//     if (!step.ok() || step->kind == RecordsCursor::Step::end) break;
//     ... copy what `views` point to ...
//     position = step->next;
//   }
//
// A pure function of its input, but for the memory that it keeps from one response to the next: it allocates
// nothing once that has grown to what is usual. Every length and count is held against the bytes that are
// there. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <penstock/result.h>

#include "base/record_view.h"
#include "base/types.h"
#include "codec/decompressor.h"
#include "wire/aborted_transaction.h"
#include "wire/byte_reader.h"
#include "wire/record.h"
#include "wire/record_batch.h"

namespace penstock::wire {

class RecordsCursor {
 public:
  struct Step {
    enum Kind : std::uint8_t {
      // Perhaps none, where the position moved all the same.
      records,
      // Nothing more is in these bytes.
      end,
    };
    Kind kind = end;
    // Behind all that was given or passed over. Never below what was asked for.
    Position next;
  };

  // The decompressor is lent and outlives this. It may serve other cursors between this one's uses.
  explicit RecordsCursor(codec::Decompressor& decompressor) : decompressor_(decompressor) {}
  RecordsCursor(const RecordsCursor&) = delete;
  RecordsCursor& operator=(const RecordsCursor&) = delete;

  // `records` must stay as they are until the last next(); `aborted` is copied. Forgets what it read before.
  void begin(Bytes records, Position asked, std::span<const AbortedTransaction> aborted,
             RecordHeaders headers);

  // Clears `out` and fills it with at most records_max (1 or more, CHECK) records of one batch, in the order
  // of their offsets. What they point to is valid until the next call of begin() or next(), or another use of
  // the decompressor. A batch is decompressed once, however many calls it takes. `out` keeps its capacity.
  //
  // After an error `out` is empty and the cursor at its end; positions given before stay good. Errors:
  // corrupt with Action::retry (checksum, lengths: fetch again); corrupt with give_up (behind a good
  // checksum); unsupported (an older format, an unknown codec, more bytes than the decompressor's limit, far
  // too many headers on one record).
  // Each names the batch's offset.
  Result<Step> next(std::vector<RecordView>& out, std::size_t records_max);

  // Of the last batch that was read: the epoch of the leader that took it. -1: not known.
  std::int32_t leader_epoch() const { return leader_epoch_; }

  // After the end: 0, or what the first batch takes if it is cut, so that nothing could be read. The same
  // fetch needs a buffer of that size, unless other partitions' data took the room. The figure is exact if 12
  // bytes were there.
  std::size_t bytes_needed() const { return bytes_needed_; }

 private:
  Result<bool> enter_batch();
  Result<bool> leaves_out(const RecordBatch& batch);
  Result<bool> is_abort_marker(const RecordBatch& batch);
  Result<Bytes> plain_records(const RecordBatch& batch);
  Result<void> open(const RecordBatch& batch);
  Result<void> decode(std::vector<RecordView>& out, std::size_t records_max);
  void attach_headers(std::vector<RecordView>& out);
  void enter_aborted_until(std::int64_t last_offset);
  void pass(Position next);
  Error stop(Error error, std::vector<RecordView>& out);

  codec::Decompressor& decompressor_;

  // The response.
  // What is behind the current batch.
  Bytes rest_;
  Position asked_;
  // Behind all that was read.
  Position next_;
  // next_ as the last step told it.
  Position reported_;
  // Behind the last offset of the current batch.
  Position batches_next_;
  bool headers_wanted_ = false;
  std::int32_t leader_epoch_ = -1;
  bool first_batch_ = true;
  std::size_t bytes_needed_ = 0;
  // By first offset. Those from aborted_at_ on are not reached yet.
  std::vector<AbortedTransaction> aborted_;
  std::size_t aborted_at_ = 0;
  // Sorted: the producers that are inside an aborted transaction at the current batch.
  std::vector<std::int64_t> aborting_;

  // The batch that records are read from, while records_left_ is not 0.
  RecordFrame frame_;
  ByteReader batch_{Bytes()};
  std::int32_t records_left_ = 0;
  std::int64_t offset_before_ = -1;

  // The headers of the records given last, one after the other, and how many each record has of them.
  std::vector<HeaderView> headers_;
  std::vector<std::int32_t> headers_counts_;
};

}  // namespace penstock::wire
