// Name lookups: answered on the loop's thread, and forgotten without waiting for a resolver that hangs.
#include "io/name_lookup.h"

#include <algorithm>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "unit/io/loop_fixture.h"

namespace penstock::io {
namespace {

class NameLookupTest : public LoopTest {
 protected:
  Addresses answer_of(NameLookup& lookup, const std::string& host) {
    std::optional<Addresses> answer;
    std::thread::id where;
    lookup.start(host, 9093, [&](Addresses addresses) {
      where = std::this_thread::get_id();
      answer = std::move(addresses);
    });
    EXPECT_FALSE(answer.has_value()) << "answered inside the call";
    run_until([&] { return answer.has_value(); });
    EXPECT_EQ(where, std::this_thread::get_id());
    return *std::move(answer);
  }
};

Addresses never_asked(const std::string& host, std::uint16_t) {
  ADD_FAILURE() << "the resolver was asked for " << host;
  return std::vector<SocketAddress>{};
}

TEST_P(NameLookupTest, digits_are_answered_without_the_resolver) {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    NameLookup lookup(*loop, never_asked);
    const Addresses answer = answer_of(lookup, host);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer.value().size(), 1U);
  }
}

TEST_P(NameLookupTest, a_name_is_resolved) {
  NameLookup lookup(*loop);
  const Addresses answer = answer_of(lookup, "localhost");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  std::vector<std::string> texts;
  for (const SocketAddress& address : answer.value()) {
    texts.push_back(to_string(address));
  }
  EXPECT_NE(std::ranges::find(texts, "127.0.0.1:9093"), texts.end());
}

TEST_P(NameLookupTest, an_unknown_name_is_an_error_that_names_it_and_may_pass) {
  NameLookup lookup(*loop);
  // Longer than a part of a name may be: no server is asked, whatever this machine's would say.
  const std::string host = std::string(64, 'x') + ".invalid";
  const Addresses answer = answer_of(lookup, host);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(answer.error().action, Action::retry);
  EXPECT_NE(answer.error().message.find(host), std::string::npos);
}

TEST_P(NameLookupTest, destroyed_while_the_resolver_hangs_it_does_not_wait_and_does_not_answer) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  const auto ended = std::make_shared<std::promise<void>>();
  bool told = false;
  auto lookup = std::make_unique<NameLookup>(*loop, [released, ended](const std::string&, std::uint16_t) {
    released.wait();
    ended->set_value();
    return Addresses(std::vector<SocketAddress>(1));
  });
  lookup->start("hangs", 1, [&](const Addresses&) { told = true; });
  run_a_while();
  lookup.reset();
  release.set_value();
  ended->get_future().wait();
  run_a_while();
  EXPECT_FALSE(told);
}

TEST_P(NameLookupTest, destroyed_with_its_answer_on_the_way_it_does_not_tell_it) {
  bool told = false;
  auto lookup = std::make_unique<NameLookup>(*loop);
  lookup->start("127.0.0.1", 1, [&](const Addresses&) { told = true; });
  lookup.reset();
  run_a_while();
  EXPECT_FALSE(told);
}

TEST_P(NameLookupTest, may_be_destroyed_by_its_answer) {
  bool told = false;
  auto lookup = std::make_unique<NameLookup>(*loop);
  lookup->start("localhost", 1, [&](const Addresses&) {
    told = true;
    lookup.reset();
  });
  run_until([&] { return told; });
}

TEST_P(NameLookupTest, hanging_lookups_are_bounded) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  const auto hang = [released](const std::string&, std::uint16_t) {
    released.wait();
    return Addresses(std::vector<SocketAddress>(1));
  };
  std::vector<std::unique_ptr<NameLookup>> lookups;
  std::size_t told = 0;
  for (std::size_t i = 0; i < k_lookups_max; ++i) {
    lookups.push_back(std::make_unique<NameLookup>(*loop, hang));
    lookups.back()->start("hangs", 1, [&](const Addresses&) { ++told; });
  }
  NameLookup one_more(*loop, hang);
  const Addresses answer = answer_of(one_more, "late");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().action, Action::retry);
  EXPECT_NE(answer.error().message.find("late"), std::string::npos);
  release.set_value();
  run_until([&] { return told == k_lookups_max; });
}

PENSTOCK_OVER_BOTH_LOOPS(NameLookupTest);

}  // namespace
}  // namespace penstock::io
