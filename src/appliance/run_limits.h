// When a run ends although it is not through: a stop that cannot finish, and a bounded run that stands still.
// Pure: the time comes from the caller, who looks several times a second.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "pipeline/group_end.h"

namespace penstock::appliance {

// What a caller does after a look.
enum class Due : std::uint8_t { nothing, line, give_up };

// A drain, from its first moment. A line is due every 5 seconds, and once `limit` has passed it is given up.
class DrainLimit {
 public:
  explicit DrainLimit(Duration limit) : limit_(limit) {}

  void begin(MonoTime now);
  Due look(MonoTime now);

  // Whole seconds until it is given up.
  std::int64_t seconds_left(MonoTime now) const;

 private:
  const Duration limit_;
  std::optional<MonoTime> begun_;
  MonoTime next_line_{};
};

// A bounded run, from its first moment. While its own partitions are at their marks and those of others are
// not, a line is due after 3 seconds, and every 30. It is given up when `progress` has stood still for
// `patience`.
class BoundedRunLimit {
 public:
  BoundedRunLimit(Duration patience, MonoTime now) : patience_(patience), moved_at_(now) {}

  Due look(MonoTime now, std::uint64_t progress, bool waits_for_others);

 private:
  const Duration patience_;
  MonoTime moved_at_;
  std::uint64_t progress_ = 0;
  std::optional<MonoTime> next_line_;
};

// What is not published, of all workers.
struct Unpublished {
  std::uint64_t batches = 0;
  std::uint64_t staged_bytes = 0;
};

// "12 batches are not published; Kafka has their records, and 20.1 MB of them are on the stage"
std::string what_is_left(const Unpublished& left);

// "2 of 8 partitions are not at their end marks: topic a, partition 1 (at 5 of 20), topic b, partition 0
// (nothing committed of 7)". Names the first few.
std::string what_is_left(std::span<const pipeline::GroupEnd::Left> left, std::size_t marks);

}  // namespace penstock::appliance
