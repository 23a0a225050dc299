// Finds the ends of a log that does not have a position which was asked for: its start, then its end, again
// each second until both are told.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/types.h"
#include "io/loop.h"
#include "kafka/offset_lookup.h"
#include "source/start_position.h"

namespace penstock::kafka {

class LogBoundsSearch {
 public:
  using Done = std::function<void(const source::LogBounds&)>;

  // Both outlive it. `trouble`: an Error that passes by itself.
  LogBoundsSearch(io::Loop& loop, OffsetLookup& lookup, std::function<void(Error)> trouble);

  // An end before `wanted` is believed only when it was told three times: a leader that was elected a moment
  // ago may answer with an end that is behind what was read from its predecessor. Searches of several slots
  // run side by side.
  void find(PartitionSlot slot, Position wanted, Done done);

  // The assignment is over: no `done` runs any more.
  void cancel() { token_.renew(); }

 private:
  struct Search {
    PartitionSlot slot;
    Position wanted;
    int tries_left = 0;
    Done done;
    Position log_start = {};
  };

  void ask_start(Search search);
  void on_start(Search search, const OffsetAnswer& start);
  void ask_end(Search search);
  void on_end(Search search, const OffsetAnswer& end);
  void try_again(Search search);
  bool told(const OffsetAnswer& answer) const;

  // Runs `step` with the search, unless it was canceled.
  template <class Step>
  auto unless_canceled(Search search, Step step) {
    return [search = std::move(search), step = std::move(step),
            token = token_.watch()](const auto&... arguments) {
      if (!token.gone()) {
        step(search, arguments...);
      }
    };
  }

  io::Loop& loop_;
  OffsetLookup& lookup_;
  const std::function<void(Error)> trouble_;
  Alive token_;
};

}  // namespace penstock::kafka
