#include "kafka/fetcher.h"

#include <algorithm>

#include "kafka/offset_lookup.h"
#include "unit/kafka/fetcher_fixture.h"
#include "unit/pipeline/fake_clock.h"

namespace penstock::kafka {
namespace {

using wire::Answer;

// Gives one partition's log of `count` records, a batch of `per_batch` a fetch.
auto log_of(const std::string& topic, std::int32_t partition, std::int64_t count,
            std::int64_t per_batch = 10) {
  return [=](const AskedFetch& asked) {
    std::vector<GivenRow> rows;
    for (const AskedRow& row : asked.rows) {
      const bool ours = row.topic == topic && row.partition == partition && row.position < count;
      rows.push_back({row.topic, row.partition, 0,
                      ours ? batch_of(row.position, std::min(per_batch, count - row.position)) : "", count});
    }
    return Answer{.bytes = fetch_body(rows)};
  };
}

TEST_F(FetcherTest, reads_from_the_position_it_was_given_to_the_end) {
  lead({{"a", 0, 0, 4}});
  serve_by(0, log_of("a", 0, 25));
  begin({at("a", 0)});
  fetcher->fetch_from(PartitionSlot{0}, Position{3});
  run_until([&] { return values[0].size() == 22; });
  EXPECT_EQ(values[0], numbers(3, 25));
  EXPECT_EQ(fetcher->position(PartitionSlot{0}), Position{25});
  EXPECT_EQ(fetcher->log_end(PartitionSlot{0}), Position{25});
  EXPECT_EQ(asked().front().second.rows.at(0).epoch, 4);
  EXPECT_TRUE(failed.empty() && lost.empty() && troubles.empty());
}

TEST_F(FetcherTest, the_end_of_a_log_is_as_old_as_the_question_and_not_told_of_an_open_transaction) {
  const MonoTime before = system_clock().now();
  std::int64_t stable = 5;
  lead({{"a", 0, 0}});
  serve_by(0, [&](const AskedFetch&) {
    GivenRow row{.topic = "a", .end = 9};
    row.stable = stable;
    return Answer{.bytes = fetch_body({row})};
  });
  begin({at("a", 0)});
  fetcher->fetch_from(PartitionSlot{0}, Position{5});
  run_until([&] { return fetcher->log_end(PartitionSlot{0}) == Position{5}; });
  EXPECT_EQ(fetcher->log_end_at(PartitionSlot{0}), std::nullopt);
  stable = 9;
  run_until([&] { return fetcher->log_end_at(PartitionSlot{0}).has_value(); });
  const MonoTime first = *fetcher->log_end_at(PartitionSlot{0});
  EXPECT_GE(first, before);
  EXPECT_LE(first, system_clock().now());
  stable = 7;
  run_until([&] { return fetcher->log_end(PartitionSlot{0}) == Position{7}; });
  const MonoTime last = *fetcher->log_end_at(PartitionSlot{0});
  run_for(50ms);
  EXPECT_EQ(fetcher->log_end_at(PartitionSlot{0}), last) << "it stands while the transaction is open";
}

TEST_F(FetcherTest, nothing_is_asked_while_a_response_is_not_taken) {
  lead({{"a", 0, 0}});
  serve_by(0, log_of("a", 0, 100000));
  begin({at("a", 0)});
  room = 4;
  on_take = [&](const source::RecordSpan&) { room = 0; };
  read_all();
  run_until([&] { return values[0].size() == 4; });
  const std::size_t before = asked().size();
  run_for(100ms);
  EXPECT_EQ(asked().size(), before);
  EXPECT_EQ(fetcher->position(PartitionSlot{0}), Position{4}) << "what was taken counts";
  on_take = nullptr;
  room = SIZE_MAX;
  run_until([&] { return values[0].size() >= 30; });
  values[0].resize(30);
  EXPECT_EQ(values[0], numbers(0, 30)) << "the rest of it, then more";
}

TEST_F(FetcherTest, a_rewind_drops_what_was_being_handed_over) {
  lead({{"a", 0, 0}});
  serve_by(0, log_of("a", 0, 20));
  begin({at("a", 0)});
  room = 4;
  on_take = [&](const source::RecordSpan&) { room = 0; };
  read_all();
  run_until([&] { return values[0].size() == 4; });
  on_take = nullptr;
  fetcher->fetch_from(PartitionSlot{0}, Position{2});
  room = SIZE_MAX;
  run_until([&] { return values[0].size() == 4 + 18; });
  values[0].erase(values[0].begin(), values[0].begin() + 4);
  EXPECT_EQ(values[0], numbers(2, 20));
}

TEST_F(FetcherTest, who_takes_records_may_rewind_at_once) {
  lead({{"a", 0, 0}});
  serve_by(0, log_of("a", 0, 20));
  begin({at("a", 0)});
  bool rewound = false;
  on_take = [&](const source::RecordSpan& span) {
    if (!std::exchange(rewound, true)) {
      fetcher->fetch_from(span.slot, Position{5});
    }
  };
  read_all();
  run_until([&] { return values[0].size() == 10 + 15; });
  values[0].erase(values[0].begin(), values[0].begin() + 10);
  EXPECT_EQ(values[0], numbers(5, 20));
}

TEST_F(FetcherTest, who_takes_records_may_end_the_assignment) {
  lead({{"a", 0, 0}, {"a", 1, 0}});
  serve_by(0, [](const AskedFetch&) {
    return Answer{.bytes = fetch_body({{"a", 0, 0, batch_of(0, 5)}, {"a", 1, 0, batch_of(0, 5)}})};
  });
  begin({at("a", 0), at("a", 1)});
  on_take = [&](const source::RecordSpan&) { fetcher->end(); };
  read_all();
  run_until([&] { return !values.empty(); });
  run_for(50ms);
  EXPECT_EQ(values.size(), 1U);
  on_take = nullptr;
  fetcher->begin(ids);  // a new one finds its way
  values.clear();
  read_all();
  run_until([&] { return values[0].size() >= 5 && values[1].size() >= 5; });
}

TEST_F(FetcherTest, a_held_partition_gives_nothing_and_others_go_on) {
  lead({{"a", 0, 0}, {"a", 1, 0}});
  serve_by(0, [](const AskedFetch& asked) {
    std::vector<GivenRow> rows;
    for (const AskedRow& row : asked.rows) {
      rows.push_back({row.topic, row.partition, 0, batch_of(row.position, 3)});
    }
    return Answer{.bytes = fetch_body(rows)};
  });
  begin({at("a", 0), at("a", 1)});
  read_all();
  run_until([&] { return values[0].size() >= 3 && values[1].size() >= 3; });
  fetcher->hold(PartitionSlot{0});
  const std::size_t held_at = values[0].size();
  const std::size_t other_at = values[1].size();
  run_until([&] { return values[1].size() > other_at + 20; });
  EXPECT_EQ(values[0].size(), held_at);
  fetcher->fetch_from(PartitionSlot{0}, Position{100});
  run_until([&] { return values[0].size() > held_at; });
  EXPECT_EQ(values[0][held_at], "100");
}

TEST_F(FetcherTest, follows_a_leader_that_moves) {
  lead({{"a", 0, 0, 1}, {"a", 1, 0, 1}});
  serve_by(0, log_of("a", 0, 10));
  begin({at("a", 0), at("a", 1)});
  read_all();
  run_until([&] { return values[0].size() == 10; });
  serve_by(1, log_of("a", 0, 30));
  lead({{"a", 0, 1, 2}, {"a", 1, 0, 1}});
  serve_by(0, [](const AskedFetch& asked) {
    std::vector<GivenRow> rows;
    for (const AskedRow& row : asked.rows) {
      rows.push_back({row.topic, row.partition, static_cast<std::int16_t>(row.partition == 0 ? 6 : 0)});
    }
    return Answer{.bytes = fetch_body(rows)};
  });
  run_until([&] { return values[0].size() == 30; });
  EXPECT_EQ(values[0], numbers(0, 30));
  const auto all = asked();
  const auto first_of_new =
      std::find_if(all.begin(), all.end(), [](const auto& each) { return each.first == 1; });
  EXPECT_EQ(first_of_new->second.rows.at(0).epoch, 2);
  EXPECT_TRUE(troubles.empty()) << troubles.front() << ": a move is no trouble";
}

TEST_F(FetcherTest, follows_a_broker_to_its_new_address) {
  lead({{"a", 0, 1, 1}, {"a", 1, 1, 1}});
  serve_by(1, log_of("a", 0, 10));
  begin({at("a", 0), at("a", 1)});
  read_all();
  run_until([&] { return values[0].size() == 10; });
  {
    const std::uint16_t port = node(2).port();
    const std::lock_guard lock(mutex);
    ports[1] = port;  // the same number elsewhere
  }
  serve_by(2, log_of("a", 0, 20));
  serve_by(1, [](const AskedFetch&) { return wire::hangs_up(); });
  run_until([&] { return values[0].size() == 20; });
  EXPECT_EQ(values[0], numbers(0, 20));
}

TEST_F(FetcherTest, offsets_are_asked_of_who_leads_now_and_always_answered) {
  lead({{"a", 0, 1, 1}, {"b", 0, 0}});
  serve_by(0, [](const AskedFetch&) { return Answer{.bytes = fetch_body({{"b", 0, 6}})}; });
  begin({at("a", 0), at("b", 0)});
  OffsetLookup lookup(*loop, system_clock(), *fetcher);
  int answers = 0;
  std::optional<Position> got;
  std::function<void()> ask = [&] {
    lookup.ask({PartitionSlot{0}}, -2, [&](PartitionSlot, const OffsetAnswer& answer) {
      ++answers;
      if (!answer.error) {
        got = answer.position;
      } else if (answers < 1000) {
        ask();  // at once: not over the connection that is being closed
      }
    });
  };
  run_until([&] { return node(0).count(wire::ApiKey::metadata) > 0; });
  run_for(30ms);
  ask();  // node 1 does not answer
  run_until([&] { return node(1).count(wire::ApiKey::list_offsets) > 0; });
  {
    const std::uint16_t port = node(2).port();
    const std::lock_guard lock(mutex);
    ports[1] = port;
    list_offsets = [](const wire::Call&) {
      wire::Body out;
      out.writer.int32(0);
      out.writer.array_count(1);
      out.writer.string("a");
      out.writer.array_count(1);
      out.writer.int32(0);
      out.writer.int16(0);
      out.writer.int64(-1);
      out.writer.int64(77);
      out.writer.int32(0);
      return Answer{.bytes = out.text()};
    };
  }
  fetcher->fetch_from(PartitionSlot{1}, Position{0});  // which sends it to look for the leaders anew
  run_until([&] { return got.has_value(); });
  EXPECT_EQ(got, Position{77});
}

// Is it the same log?

constexpr const char* k_old_id = "000102030405060708090a0b0c0d0e0f";
constexpr const char* k_new_id = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

// Record `at` of a topic that was made anew is another than that of the former one.
std::string batch_of_new_topic(std::int64_t first, std::int64_t count) {
  wire::BatchBuilder builder{.base_offset = first};
  for (std::int64_t i = 0; i < count; ++i) {
    builder.records.push_back(wire::record_bytes(i, std::nullopt, "new-" + std::to_string(first + i)));
  }
  return builder.build();
}

// Serves one partition's log of `count` records by name; `batch` makes them.
template <class Batch>
auto named_log(std::int64_t count, Batch batch, std::int64_t start = 0) {
  return [=](const AskedFetch& asked) {
    const AskedRow& row = asked.rows.at(0);
    const std::int16_t code = row.position > count ? 1 : 0;
    const bool some = code == 0 && row.position < count;
    return Answer{.bytes =
                      fetch_body({{row.topic, row.partition, code,
                                   some ? batch(row.position, count - row.position) : "", count, start}})};
  };
}

auto old_batch = [](std::int64_t first, std::int64_t count) { return batch_of(first, count); };

TEST_F(FetcherTest, by_id_nothing_of_a_topic_that_was_made_anew_is_handed_over_and_the_new_id_is_told) {
  by_id = true;
  lead({{"a", 0, 0, 0, 0, k_old_id}});
  std::atomic<bool> made_anew = false;
  serve_by(0, [&](const AskedFetch& asked) {
    const AskedRow& row = asked.rows.at(0);
    const bool known = row.topic == (made_anew ? k_new_id : k_old_id);
    const std::int64_t count = made_anew ? 150 : 100;
    const bool some = known && row.position < count;
    return Answer{.bytes =
                      fetch_body_by_id({{row.topic, 0, static_cast<std::int16_t>(known ? 0 : 100),
                                         some ? batch_of(row.position, count - row.position) : "", count}})};
  });
  begin({at("a", 0)});
  read_all();
  run_until([&] { return values[0].size() == 100; });
  EXPECT_EQ(fetcher->leaders().topic_id(PartitionSlot{0}), k_old_id);
  lead({{"a", 0, 0, 0, 0, k_new_id}});  // one answer is not believed, as a broker may be behind
  made_anew = true;
  run_until([&] { return !anew.empty(); });
  EXPECT_EQ(anew, (std::vector<std::pair<std::uint32_t, std::int64_t>>{{0, 100}}));
  EXPECT_EQ(fetcher->leaders().topic_id(PartitionSlot{0}), k_new_id);
  run_for(100ms);
  EXPECT_EQ(values[0].size(), 100U);
  fetcher->forget_log(PartitionSlot{0});
  fetcher->fetch_from(PartitionSlot{0}, Position{0});
  run_until([&] { return values[0].size() == 250; });
  EXPECT_EQ(anew.size(), 1U);
}

TEST_F(FetcherTest, a_broker_that_is_behind_with_the_topics_id_is_not_believed) {
  by_id = true;
  lead({{"a", 0, 0, 0, 0, k_new_id}});
  serve_by(0, [&](const AskedFetch& asked) {
    const AskedRow& row = asked.rows.at(0);
    return Answer{.bytes = fetch_body_by_id({{row.topic, 0, 0, batch_of(row.position, 1)}})};
  });
  begin({at("a", 0)});
  read_all();
  run_until([&] { return !values[0].empty(); });
  lead({{"a", 0, 0, 0, 0, k_old_id}});
  fetcher->leaders().need(system_clock().now());
  const std::size_t before = node(0).count(wire::ApiKey::metadata);
  run_until([&] { return node(0).count(wire::ApiKey::metadata) == before + 1; });
  lead({{"a", 0, 0, 0, 0, k_new_id}});
  const std::size_t count = values[0].size();
  run_until([&] { return values[0].size() > count + 5; });
  EXPECT_TRUE(anew.empty());
}

TEST_F(FetcherTest, by_name_the_record_before_the_position_proves_another_log) {
  lead({{"a", 0, 0}});
  serve_by(0, named_log(100, old_batch));
  begin({at("a", 0)});
  read_all();
  run_until([&] { return values[0].size() == 100; });
  serve_by(0, named_log(150, batch_of_new_topic));
  node(0).hang_up_all();  // a frozen process, or a broker that restarts: nobody has told that it is another
  run_until([&] { return !anew.empty(); });
  EXPECT_EQ(anew, (std::vector<std::pair<std::uint32_t, std::int64_t>>{{0, 100}}));
  EXPECT_EQ(asked().back().second.rows.at(0).position, 99);
  EXPECT_EQ(values[0].size(), 100U);
}

TEST_F(FetcherTest, by_name_the_same_record_proves_the_same_log_and_nothing_comes_twice) {
  lead({{"a", 0, 0}});
  serve_by(0, named_log(100, old_batch));
  begin({at("a", 0)});
  read_all();
  run_until([&] { return values[0].size() == 100; });
  // The topic is unknown for a moment, in a Fetch and in the metadata; then its log is longer.
  serve_by(0, [](const AskedFetch&) { return Answer{.bytes = fetch_body({{"a", 0, 3}})}; });
  lead({{"a", 0, 0, 0, 3}});
  const std::size_t before = node(0).count(wire::ApiKey::metadata);
  run_until([&] { return node(0).count(wire::ApiKey::metadata) > before + 1; });
  serve_by(0, named_log(120, old_batch));
  lead({{"a", 0, 0}});
  run_until([&] { return values[0].size() == 120; });
  EXPECT_EQ(values[0], numbers(0, 120));
  EXPECT_TRUE(anew.empty() && doubts.empty());
  const auto all = asked();
  EXPECT_TRUE(std::ranges::any_of(all, [](const auto& each) {
    return each.second.rows.at(0).position == 99;
  })) << "it was proved";
}

TEST_F(FetcherTest, by_name_a_log_that_ends_earlier_than_it_did_is_doubtful) {
  lead({{"a", 0, 0}});
  serve_by(0, [](const AskedFetch& asked) {  // 100 records, of which nothing is readable yet
    return Answer{.bytes = fetch_body({{"a", 0, 0, "", asked.rows.at(0).position == 40 ? 100 : 90, 10}})};
  });
  begin({at("a", 0)});
  fetcher->fetch_from(PartitionSlot{0}, Position{40});
  run_until([&] { return asked().size() >= 2; });
  serve_by(0, [](const AskedFetch&) {
    return Answer{.bytes = fetch_body({{"a", 0, 0, batch_of(40, 5), 60}})};
  });
  run_until([&] { return !doubts.empty(); });
  EXPECT_EQ(doubts[0].second.end_seen, Position{100});
  EXPECT_EQ(doubts[0].second.start_seen, Position{10});
  run_for(50ms);
  EXPECT_TRUE(values[0].empty());
  fetcher->believe_log(PartitionSlot{0});
  fetcher->fetch_from(PartitionSlot{0}, Position{40});
  run_until([&] { return values[0].size() >= 5; });
  EXPECT_EQ(doubts.size(), 1U);
}

TEST_F(FetcherTest, a_leader_epoch_that_goes_back_is_believed_after_a_while_and_is_a_sign) {
  lead({{"a", 0, 0, 9}});
  serve_by(0, [](const AskedFetch& asked) {
    std::vector<GivenRow> rows;
    for (const AskedRow& row : asked.rows) {
      const bool current = row.epoch == 0;
      rows.push_back({row.topic, row.partition, static_cast<std::int16_t>(current ? 0 : 75),
                      current ? batch_of(row.position, 1) : ""});
    }
    return Answer{.bytes = fetch_body(rows)};
  });
  begin({at("a", 0)});
  read_all();
  run_until([&] { return !asked().empty(); });
  lead({{"a", 0, 0, 0}});
  run_until([&] { return !doubts.empty(); });
  EXPECT_TRUE(doubts[0].second.epoch_went_back);
  EXPECT_TRUE(values[0].empty());
}

// Is the position in its history?

TEST_F(FetcherTest, under_a_new_leader_epoch_the_history_is_compared_before_anything_is_fetched) {
  lead({{"a", 0, 0, 1}});
  serve_by(0, named_log(100, old_batch));  // batches of leader epoch 0
  begin({at("a", 0)});
  read_all();
  run_until([&] { return values[0].size() == 100; });
  EXPECT_EQ(fetcher->epoch_before(PartitionSlot{0}, Position{100}), 0);
  EXPECT_TRUE(epochs_asked.empty()) << "what was read under it needs no comparison";
  {
    const std::lock_guard lock(mutex);
    epoch_end = 100;
  }
  serve_by(1, named_log(120, old_batch));
  serve_by(0, [](const AskedFetch&) { return Answer{.bytes = fetch_body({{"a", 0, 6}})}; });
  lead({{"a", 0, 1, 2}});
  run_until([&] { return values[0].size() == 120; });
  ASSERT_EQ(epochs_asked.size(), 1U);
  EXPECT_EQ(epochs_asked[0].current, 2);
  EXPECT_EQ(epochs_asked[0].epoch, 0);

  {
    const std::lock_guard lock(mutex);
    epoch_end = 80;  // the next one has lost 80 to 119
  }
  serve_by(0, named_log(150, batch_of_new_topic));
  serve_by(1, [](const AskedFetch&) { return Answer{.bytes = fetch_body({{"a", 0, 6}})}; });
  lead({{"a", 0, 0, 3}});
  run_until([&] { return !cuts.empty(); });
  EXPECT_EQ(cuts, (std::vector<std::pair<std::uint32_t, std::int64_t>>{{0, 80}}));
  run_for(50ms);
  EXPECT_EQ(values[0].size(), 120U);
  fetcher->forget_log(PartitionSlot{0});
  fetcher->fetch_from(PartitionSlot{0}, Position{80});
  run_until([&] { return values[0].size() == 190; });
  EXPECT_EQ(values[0][120], "new-80");
}

TEST_F(FetcherTest, a_start_with_a_known_epoch_is_compared_too) {
  lead({{"a", 0, 0, 4}});
  epoch_end = 30;
  serve_by(0, named_log(100, old_batch));
  begin({at("a", 0)});
  fetcher->set_start_epoch(PartitionSlot{0}, 3);
  fetcher->fetch_from(PartitionSlot{0}, Position{40});
  run_until([&] { return !cuts.empty(); });
  EXPECT_EQ(epochs_asked.at(0).epoch, 3);
  EXPECT_TRUE(asked().empty());
}

// The stage had 30 to 39. A leader was elected at 30, so the epoch of the entry ends before the position.
TEST_F(FetcherTest, a_start_behind_records_that_were_read_elsewhere_is_compared_up_to_them) {
  lead({{"a", 0, 0, 4}});
  epoch_end = 30;
  serve_by(0, named_log(100, old_batch));
  begin({at("a", 0)});
  fetcher->set_start_epoch(PartitionSlot{0}, 3);
  fetcher->skip(PartitionSlot{0}, Position{30});
  fetcher->fetch_from(PartitionSlot{0}, Position{40});
  run_until([&] { return values[0].size() == 60; });
  EXPECT_EQ(epochs_asked.at(0).epoch, 3);
  EXPECT_TRUE(cuts.empty());
}

TEST_F(FetcherTest, a_cut_below_records_that_were_read_elsewhere_is_found) {
  lead({{"a", 0, 0, 4}});
  epoch_end = 29;
  serve_by(0, named_log(100, old_batch));
  begin({at("a", 0)});
  fetcher->set_start_epoch(PartitionSlot{0}, 3);
  fetcher->skip(PartitionSlot{0}, Position{30});
  fetcher->fetch_from(PartitionSlot{0}, Position{40});
  run_until([&] { return !cuts.empty(); });
  EXPECT_TRUE(asked().empty());
}

TEST_F(FetcherTest, a_position_outside_of_the_log_is_told_once) {
  lead({{"a", 0, 0}, {"a", 1, 0}});
  serve_by(0, [](const AskedFetch& asked) {
    std::vector<GivenRow> rows;
    for (const AskedRow& row : asked.rows) {
      const bool outside = row.partition == 0 && row.position < 50;
      rows.push_back({row.topic, row.partition, static_cast<std::int16_t>(outside ? 1 : 0),
                      outside ? "" : batch_of(row.position, 1)});
    }
    return Answer{.bytes = fetch_body(rows)};
  });
  begin({at("a", 0), at("a", 1)});
  read_all();
  run_until([&] { return values[1].size() > 10; });
  EXPECT_EQ(lost, (std::vector<std::pair<std::uint32_t, std::int64_t>>{{0, 0}}));
  EXPECT_TRUE(fetcher->waits_for_position(PartitionSlot{0}));
  EXPECT_TRUE(values[0].empty());
  fetcher->fetch_from(PartitionSlot{0}, Position{50});
  run_until([&] { return !values[0].empty(); });
  EXPECT_EQ(values[0][0], "50");
  fetcher->fetch_from(PartitionSlot{0}, Position{1});
  run_until([&] { return lost.size() == 2; });
  fetcher->hold(PartitionSlot{0});
  EXPECT_FALSE(fetcher->waits_for_position(PartitionSlot{0})) << "who holds it will say where to go on";
}

TEST_F(FetcherTest, a_corrupt_batch_is_fetched_again_once_then_the_partition_stops) {
  std::atomic<bool> second_is_bad = true;
  std::atomic<bool> all_are_bad = false;
  lead({{"a", 0, 0}});
  serve_by(0, [&](const AskedFetch& asked) {
    std::string batches = batch_of(asked.rows.at(0).position, 2);
    std::string second = batch_of(asked.rows.at(0).position + 2, 2);
    if (all_are_bad) {
      batches.back() ^= 1;
    }
    if (second_is_bad.exchange(false)) {
      second.back() ^= 1;
    }
    return Answer{.bytes = fetch_body({{"a", 0, 0, batches + second}})};
  });
  begin({at("a", 0)});
  read_all();
  run_until([&] { return values[0].size() >= 8; });
  values[0].resize(8);
  EXPECT_EQ(values[0], numbers(0, 8)) << "the good batch before it counts, and nothing is skipped";
  EXPECT_EQ(troubles.size(), 1U);
  EXPECT_TRUE(failed.empty());
  all_are_bad = true;
  run_until([&] { return !failed.empty(); });
  EXPECT_EQ(troubles.size(), 2U);
  EXPECT_NE(failed[0].second.message.find("topic a, partition 0, position "), std::string::npos)
      << failed[0].second.message;
  const std::size_t asked_until_then = asked().size();
  run_for(250ms);
  EXPECT_EQ(asked().size(), asked_until_then) << "it has stopped";
  const auto delivered = values[0].size();
  EXPECT_EQ(values[0], numbers(0, static_cast<std::int64_t>(delivered)));
}

TEST_F(FetcherTest, a_batch_larger_than_the_usual_fetch_comes_whole) {
  lead({{"a", 0, 0}});
  serve_by(0, [](const AskedFetch& asked) {
    return Answer{.bytes = fetch_body({{"a", 0, 0, batch_of(asked.rows.at(0).position, 1, 3 << 20)}})};
  });
  begin({at("a", 0)}, {.access = {}, .wait = 20ms, .batch_bytes_max = 4 << 20});
  read_all();
  run_until([&] { return values[0].size() >= 2; });
  EXPECT_EQ(values[0][1].size(), std::size_t{3} << 20);
  EXPECT_TRUE(failed.empty());
}

TEST_F(FetcherTest, a_cut_batch_is_asked_for_with_room_for_it) {
  const std::string whole = batch_of(0, 1, 2 << 20);
  lead({{"a", 0, 0}});
  serve_by(0, [&](const AskedFetch& asked) {
    const AskedRow& row = asked.rows.at(0);
    const std::string records =
        row.position > 0 ? "" : whole.substr(0, static_cast<std::size_t>(row.bytes_max));
    return Answer{.bytes = fetch_body({{"a", 0, 0, records}})};
  });
  begin({at("a", 0)}, {.access = {}, .wait = 20ms, .batch_bytes_max = 4 << 20});
  read_all();
  run_until([&] { return values[0].size() == 1; });
  EXPECT_TRUE(failed.empty());
}

TEST_F(FetcherTest, a_batch_above_the_limit_stops_its_partition_alone) {
  for (const bool cut : {false, true}) {
    SCOPED_TRACE(cut ? "by a broker that cuts it" : "by a broker that gives it whole");
    failed.clear();
    values.clear();
    troubles.clear();
    lead({{"a", 0, 0}, {"a", 1, 0}, {"b", 0, 0}});
    serve_by(0, [=](const AskedFetch& asked) {
      std::vector<GivenRow> rows;  // whole only at the front of a response, as brokers do it
      for (const AskedRow& row : asked.rows) {
        const bool large = row.partition == 1;
        std::string records = batch_of(row.position, 1, large ? 5 << 20 : 10);
        if (large && (cut || !rows.empty())) {
          records.resize(cut ? 1000 : 0);
        }
        rows.push_back({row.topic, row.partition, 0, records});
        if (large && !cut && rows.size() == 1) {
          break;
        }
      }
      return Answer{.bytes = fetch_body(rows)};
    });
    begin({at("a", 0), at("a", 1), at("b", 0)}, {.access = {}, .wait = 20ms, .batch_bytes_max = 2 << 20});
    read_all();
    run_until([&] { return !failed.empty(); });
    EXPECT_EQ(failed[0].first, 1U);
    EXPECT_NE(failed[0].second.message.find("topic a, partition 1, position 0"), std::string::npos);
    EXPECT_NE(failed[0].second.message.find("source.max_batch_bytes (2097152); raise"), std::string::npos)
        << failed[0].second.message;
    const std::size_t before = values[0].size();
    run_until([&] { return values[0].size() > before + 5 && values[2].size() > 5; });
    EXPECT_EQ(failed.size(), 1U);
    EXPECT_TRUE(values[1].empty());
  }
}

TEST_F(FetcherTest, a_throttled_connection_waits_and_counts_it) {
  lead({{"a", 0, 0}});
  serve_by(0, [](const AskedFetch& asked) {
    return Answer{.bytes = fetch_body({{"a", 0, 0, batch_of(asked.rows.at(0).position, 1)}}, 200)};
  });
  begin({at("a", 0)});
  read_all();
  const MonoTime start = system_clock().now();
  run_until([&] { return values[0].size() == 3; });
  EXPECT_GE(system_clock().now() - start, 400ms);
  EXPECT_EQ(fetcher->throttled_ms(), 600U);
}

TEST_F(FetcherTest, an_error_of_the_whole_response_is_tried_again_more_and_more_slowly) {
  lead({{"a", 0, 0}});
  serve_by(0, [](const AskedFetch&) { return Answer{.bytes = fetch_body({}, 0, -1)}; });
  begin({at("a", 0)});
  read_all();
  run_until([&] { return asked().size() == 1; });
  run_for(900ms);  // 100, 200, 400, 800 ms: not every 100
  EXPECT_GE(asked().size(), 3U);
  EXPECT_LE(asked().size(), 5U);
  EXPECT_FALSE(troubles.empty());
}

TEST_F(FetcherTest, a_broker_that_is_gone_comes_back) {
  lead({{"a", 0, 0}});
  serve_by(0, log_of("a", 0, 10));
  begin({at("a", 0)});
  read_all();
  run_until([&] { return values[0].size() == 10; });
  node(0).hang_up_all();
  serve_by(0, log_of("a", 0, 20));
  run_until([&] { return values[0].size() == 20; });
  EXPECT_EQ(values[0], numbers(0, 20));
}

TEST_F(FetcherTest, what_cannot_be_read_waits_and_goes_on_when_it_can_and_others_do_not_wait) {
  lead({{"a", 0, 0}, {"gone", 0, 0, 0, 3}, {"secret", 0, 0, 0, 29}});
  serve_by(0, log_of("a", 0, 1000000));
  begin({at("a", 0), at("gone", 0), at("secret", 0)});
  read_all();
  run_until([&] { return !waiting.empty(); });
  EXPECT_EQ(waiting[0].first, 2U) << "no right: that is told at once";
  EXPECT_EQ(waiting[0].second.action, Action::retry);
  const auto of_gone = [](const auto& each) { return each.first == 1; };
  run_until([&] { return std::ranges::any_of(waiting, of_gone); });
  EXPECT_THAT(std::ranges::find_if(waiting, of_gone)->second.message, testing::HasSubstr("topic gone"));
  const std::size_t before = values[0].size();
  run_until([&] { return values[0].size() > before + 50; });
  serve_by(0, [](const AskedFetch& asked) {
    std::vector<GivenRow> rows;
    for (const AskedRow& row : asked.rows) {
      rows.push_back({row.topic, row.partition, 0, batch_of(row.position, 1)});
    }
    return Answer{.bytes = fetch_body(rows)};
  });
  lead({{"a", 0, 0}, {"gone", 0, 0}, {"secret", 0, 0}});
  run_until([&] { return !values[1].empty() && !values[2].empty(); });
  EXPECT_EQ(values[1][0], "0");
  EXPECT_EQ(went_on, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_TRUE(failed.empty());
}

TEST_F(FetcherTest, a_leader_that_does_not_tell_where_the_log_ends_is_named_after_a_while) {
  lead({{"a", 0, 0}});
  pipeline::FakeClock fake;
  clock = &fake;
  begin({at("a", 0)});
  const Error silence = make_error(ErrorKind::timed_out, Action::retry, "broker:9092 did not answer", "");
  fetcher->leader_told(PartitionSlot{0}, silence);
  fake.advance(6s);
  fetcher->leader_told(PartitionSlot{0}, std::nullopt);
  fetcher->leader_told(PartitionSlot{0}, silence);
  fake.advance(6s);
  fetcher->leader_told(PartitionSlot{0}, silence);
  EXPECT_TRUE(waiting.empty()) << "it had told meanwhile";
  fake.advance(6s);
  fetcher->leader_told(PartitionSlot{0}, silence);
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(
      waiting[0].second.message,
      "topic a, partition 0: its leader does not tell where its log begins or ends; its records wait, and "
      "other partitions go on: broker:9092 did not answer");
  fetcher.reset();
}

TEST_F(FetcherTest, a_long_backlog_does_not_starve_the_others) {
  lead({{"a", 0, 0}, {"a", 1, 0}, {"b", 0, 0}});
  serve_by(0, [](const AskedFetch& asked) {  // room for one partition a response
    std::vector<GivenRow> rows;
    for (const AskedRow& row : asked.rows) {
      rows.push_back({row.topic, row.partition, 0, rows.empty() ? batch_of(row.position, 5) : ""});
    }
    return Answer{.bytes = fetch_body(rows)};
  });
  begin({at("a", 0), at("a", 1), at("b", 0)});
  read_all();
  run_until([&] { return values[0].size() + values[1].size() + values[2].size() >= 300; });
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_GE(values[i].size(), 70U) << i;
  }
}

TEST_F(FetcherTest, a_request_that_waits_for_its_connection_outlives_its_assignment) {
  lead({{"a-topic-with-a-name-that-is-not-kept-in-place", 0, 1}});
  node(1).use([](const wire::Call&) { return wire::no_answer(); });  // connecting takes its time
  begin({at("a-topic-with-a-name-that-is-not-kept-in-place", 0)});
  read_all();
  run_until([&] { return node(1).count(wire::ApiKey::api_versions) == 1; });
  fetcher->end();
  ids.assign(3, at("another", 0));
  ids[1].partition = Partition{1};
  ids[2].partition = Partition{2};
  fetcher->begin(ids);
  node(1).use([this](const wire::Call& call) { return serve(1, call); });
  node(1).hang_up_all();  // so it connects again, and sends what waited
  run_until([&] { return !asked().empty(); });
  EXPECT_EQ(asked()[0].second.rows.at(0).topic, "a-topic-with-a-name-that-is-not-kept-in-place");
}

TEST_F(FetcherTest, it_wakes_for_the_leaders_though_something_else_woke_it_before) {
  lead({{"a", 0, 0}, {"b", 0, -1}});  // b has no leader yet
  serve_by(0, [](const AskedFetch& asked) {
    return Answer{.bytes = fetch_body({{"a", 0, 0, batch_of(asked.rows.at(0).position, 1)}}, 10)};
  });
  begin({at("a", 0), at("b", 0)});
  read_all();
  run_until([&] { return node(0).count(wire::ApiKey::metadata) >= 2; });
  fetcher->hold(PartitionSlot{0});
  const auto asked_before = node(0).count(wire::ApiKey::metadata);
  const MonoTime start = system_clock().now();
  while (node(0).count(wire::ApiKey::metadata) < asked_before + 2 && system_clock().now() < start + 5s) {
    fetcher->poll();
    fetcher->front();
    loop->run_once(10s);  // nothing but its own timer wakes it
  }
  EXPECT_LT(system_clock().now() - start, 5s);
}

}  // namespace
}  // namespace penstock::kafka
