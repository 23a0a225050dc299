#include "format/capture_rows.h"

#include <algorithm>

namespace penstock::format {
namespace {

constexpr std::int64_t k_double_bytes = 8;

}  // namespace

bool CaptureRows::add(Bytes plain) {
  while (!plain.empty()) {
    if (skip_ > 0) {
      const std::uint64_t count = std::min<std::uint64_t>(skip_, plain.size());
      plain = plain.subspan(static_cast<std::size_t>(count));
      skip_ -= count;
      settle();
      continue;
    }
    const VarintReader::Taken taken = number_.add(plain.front());
    plain = plain.subspan(1);
    if (taken == VarintReader::Taken::bad ||
        (taken == VarintReader::Taken::whole && !take(unzigzag(number_.value())))) {
      return false;
    }
  }
  return true;
}

bool CaptureRows::take(std::int64_t number) {
  switch (state_) {
    case State::sequence:
      if (number <= last_sequence_) {
        return false;
      }
      last_sequence_ = number;
      state_ = State::offset_length;
      return true;
    case State::offset_length:
      return skip(number, State::time_length);
    case State::time_length:
      in_properties_ = false;
      return skip(number, State::map_count);
    case State::map_count:
      return take_count(number);
    case State::name_length:
      return skip(number, State::branch);
    case State::branch:
      return take_branch(number);
    case State::long_value:
      return skip(0, State::entry_end);
    case State::value_length:
      return skip(number, State::entry_end);
    case State::body_branch:
      return number == 0 ? skip(0, State::row_end) : number == 1 ? skip(0, State::body_length) : false;
    case State::body_length:
      return skip(number, State::row_end);
    case State::entry_end:
    case State::row_end:
      break;
  }
  return false;
}

// Avro also knows a negative count, with the size of the entries behind it. No file of ours has one.
bool CaptureRows::take_count(std::int64_t count) {
  if (count > 0) {
    entries_left_ = count;
    return skip(0, State::name_length);
  }
  const State next = in_properties_ ? State::body_branch : State::map_count;
  in_properties_ = true;
  return count == 0 && skip(0, next);
}

// long, double, string, bytes; and of Properties null.
bool CaptureRows::take_branch(std::int64_t branch) {
  switch (branch) {
    case 0:
      return skip(0, State::long_value);
    case 1:
      return skip(k_double_bytes, State::entry_end);
    case 2:
    case 3:
      return skip(0, State::value_length);
    case 4:
      return in_properties_ && skip(0, State::entry_end);
    default:
      return false;
  }
}

bool CaptureRows::skip(std::int64_t bytes, State next) {
  state_ = next;
  skip_ = static_cast<std::uint64_t>(bytes);
  if (bytes < 0) {
    return false;
  }
  settle();
  return true;
}

void CaptureRows::settle() {
  if (skip_ > 0) {
    return;
  }
  if (state_ == State::entry_end) {
    --entries_left_;
    state_ = entries_left_ > 0 ? State::name_length : State::map_count;
  } else if (state_ == State::row_end) {
    ++rows_;
    state_ = State::sequence;
  }
}

}  // namespace penstock::format
