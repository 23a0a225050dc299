#include "kafka/fetcher.h"

#include <algorithm>

#include "kafka/offset_lookup.h"
#include "unit/kafka/fetcher_fixture.h"

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
  std::optional<std::vector<std::optional<Position>>> got;
  std::function<void()> ask = [&] {
    lookup.ask({PartitionSlot{0}}, -2, [&](const OffsetAnswer& answer) {
      ++answers;
      if (!answer.error) {
        got = answer.positions;
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
  EXPECT_EQ(got->at(0), Position{77});
}

TEST_F(FetcherTest, a_topic_that_was_made_anew_begins_its_epochs_anew) {
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
  run_until([&] { return !values[0].empty(); });
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
    EXPECT_NE(failed[0].second.message.find("source.max_batch_bytes (2097152)"), std::string::npos)
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

TEST_F(FetcherTest, a_topic_that_is_unknown_for_long_stops_and_others_go_on) {
  lead({{"a", 0, 0}, {"gone", 0, 0, 0, 3}, {"secret", 0, 0, 0, 29}});
  serve_by(0, log_of("a", 0, 1000000));
  begin({at("a", 0), at("gone", 0), at("secret", 0)});
  read_all();
  run_until([&] { return !failed.empty(); });
  EXPECT_EQ(failed[0].first, 2U) << "no right: that is believed at once";
  run_until([&] { return failed.size() == 2; });
  EXPECT_EQ(failed[1].first, 1U);
  EXPECT_NE(failed[1].second.message.find("topic gone"), std::string::npos) << failed[1].second.message;
  const std::size_t before = values[0].size();
  run_until([&] { return values[0].size() > before + 50; });
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
