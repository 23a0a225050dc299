// The provider against a metadata service of the test: real sockets, a real thread, tokens of seconds.
#include "identity/provider.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/concat.h"
#include "unit/http/script_server.h"

namespace penstock::identity {
namespace {

using test::answers;
using test::ScriptServer;
using test::Step;

constexpr const char* k_scope = "https://storage.azure.com/.default";
// Longer than any pause of these tests, and shorter than what would be waited for in vain.
constexpr auto k_patience = std::chrono::seconds(20);

Step token(const std::string& text, int life_s) {
  return answers("200 OK", "",
                 concat(R"({"access_token":")", text, R"(","expires_in":")", life_s,
                        R"(","resource":"https://storage.azure.com","token_type":"Bearer"})"));
}

Surroundings with_service_at(const std::string& url) {
  return {.variable = [url](const std::string& name) -> std::optional<std::string> {
            return name == "AZURE_POD_IDENTITY_AUTHORITY_HOST" ? std::optional(url) : std::nullopt;
          },
          .file_exists = [](const std::string&) { return false; }};
}

// A `done` that a test waits for.
class Signal {
 public:
  std::function<void()> done() {
    return [this] {
      const std::lock_guard lock(mutex_);
      ++count_;
      came_.notify_all();
    };
  }
  bool wait_for(int count) {
    std::unique_lock lock(mutex_);
    return came_.wait_for(lock, k_patience, [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  int count_ = 0;
};

class ProviderTest : public ::testing::Test {
 protected:
  std::shared_ptr<TokenCache> cache_of(const ScriptServer& server) {
    auto provider = Provider::start(with_service_at(server.url()), system_clock());
    EXPECT_TRUE(provider.ok());
    auto cache = (*provider)->cache(managed(), k_scope);
    EXPECT_TRUE(cache.ok()) << cache.error().message;
    return *cache;
  }
  static Options managed() {
    Options options;
    options.kind = Kind::managed_identity;
    return options;
  }
  // Of the served token, or the error's sentence.
  static std::string text_of(const TokenCache& cache) {
    const Result<Token> token = cache.current();
    return token.ok() ? token->text : token.error().message;
  }
  template <class Condition>
  static bool comes_true(Condition condition) {
    const MonoTime end = system_clock().now() + k_patience;
    while (!condition() && system_clock().now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return condition();
  }
};

TEST_F(ProviderTest, the_first_token_is_asked_for_at_once_and_served_from_then_on) {
  ScriptServer server({token("one", 3600)});
  const auto cache = cache_of(server);
  EXPECT_TRUE(comes_true([&] { return text_of(*cache) == "one"; }));
  EXPECT_EQ(cache->standing().renewals, 1U);
  EXPECT_EQ(cache->standing().trouble, "");
  EXPECT_EQ(cache->standing().audience, "https://storage.azure.com");
  EXPECT_GT(cache->standing().expires, system_clock().wall_now());
  EXPECT_EQ(cache->standing().description.find("one"), std::string::npos);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(ProviderTest, before_the_first_answer_it_may_still_come) {
  ScriptServer server({Step{.answer = "", .body_bytes_read = SIZE_MAX, .then = Step::Then::hold}});
  const auto cache = cache_of(server);
  const Result<Token> none = cache->current();
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(none.error().action, Action::retry);
}

TEST_F(ProviderTest, all_who_are_the_same_for_the_same_audience_share_one_token) {
  ScriptServer server({token("one", 3600), token("two", 3600)});
  auto provider = Provider::start(with_service_at(server.url()), system_clock());
  ASSERT_TRUE(provider.ok());
  const auto cache = *(*provider)->cache(managed(), k_scope);
  EXPECT_EQ(*(*provider)->cache(managed(), k_scope), cache);
  EXPECT_TRUE(comes_true([&] { return text_of(*cache) == "one"; }));
  const auto other = *(*provider)->cache(managed(), "https://contoso.servicebus.windows.net/.default");
  EXPECT_NE(other, cache);
  EXPECT_TRUE(comes_true([&] { return text_of(*other) == "two"; }));
  EXPECT_EQ(server.received().size(), 2U);
}

TEST_F(ProviderTest, a_token_is_renewed_before_it_ends_and_served_meanwhile) {
  ScriptServer server({token("one", 3), token("two", 3600)});
  const auto cache = cache_of(server);
  ASSERT_TRUE(comes_true([&] { return text_of(*cache) == "one"; }));
  std::vector<std::string> seen;
  EXPECT_TRUE(comes_true([&] {
    seen.push_back(text_of(*cache));
    return seen.back() == "two";
  }));
  for (const std::string& text : seen) {
    EXPECT_TRUE(text == "one" || text == "two") << text;
  }
  EXPECT_EQ(cache->standing().renewals, 2U);
}

TEST_F(ProviderTest, the_old_token_is_served_to_its_end_and_then_the_reason_is_told) {
  const Step down = answers("500 Oops");
  ScriptServer server({token("one", 4), down, down, down, down, down, down, token("two", 3600)});
  const auto cache = cache_of(server);
  ASSERT_TRUE(comes_true([&] { return text_of(*cache) == "one"; }));
  ASSERT_TRUE(comes_true([&] { return cache->standing().failures >= 1; }));
  EXPECT_EQ(text_of(*cache), "one");
  EXPECT_NE(cache->standing().trouble, "");
  ASSERT_TRUE(comes_true([&] { return !cache->current().ok(); }));
  EXPECT_GE(system_clock().wall_now(), cache->standing().expires);
  EXPECT_EQ(cache->current().error().action, Action::retry);
  EXPECT_EQ(cache->current().error().message, cache->standing().trouble);
}

TEST_F(ProviderTest, a_wrong_identity_is_told_to_whoever_waits_and_asked_for_again) {
  const Step wrong = answers("400 Bad Request", "",
                             R"({"error":"invalid_request","error_description":"Identity not found"})");
  ScriptServer server({wrong, wrong, wrong, token("one", 3600)});
  const auto cache = cache_of(server);
  Signal told;
  cache->want("", told.done());
  ASSERT_TRUE(told.wait_for(1));
  ASSERT_TRUE(comes_true([&] { return cache->standing().failures >= 1; }));
  EXPECT_FALSE(cache->current().ok());
  EXPECT_EQ(cache->current().error().action, Action::give_up);
  EXPECT_GE(cache->standing().failures, 1U);
}

TEST_F(ProviderTest, a_refused_token_is_not_asked_for_again_right_after_it_came) {
  ScriptServer server({token("one", 3600), token("two", 3600)});
  const auto cache = cache_of(server);
  ASSERT_TRUE(comes_true([&] { return text_of(*cache) == "one"; }));
  Signal told;
  cache->want("one", told.done());
  cache->want("one", told.done());
  ASSERT_TRUE(told.wait_for(2)) << "nobody waits for 30 s";
  EXPECT_EQ(text_of(*cache), "one");
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(ProviderTest, who_was_refused_with_an_older_token_is_told_at_once) {
  ScriptServer server({token("one", 3600)});
  const auto cache = cache_of(server);
  ASSERT_TRUE(comes_true([&] { return text_of(*cache) == "one"; }));
  Signal told;
  cache->want("older", told.done());
  ASSERT_TRUE(told.wait_for(1));
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(ProviderTest, whoever_asks_while_a_request_is_under_way_joins_it) {
  ScriptServer server({token("one", 3600)});
  const auto cache = cache_of(server);
  Signal told;
  for (int i = 0; i < 50; ++i) {
    cache->want("", told.done());
  }
  ASSERT_TRUE(told.wait_for(50));
  EXPECT_EQ(text_of(*cache), "one");
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(ProviderTest, it_ends_in_the_midst_of_a_request) {
  ScriptServer server({Step{.answer = "", .body_bytes_read = SIZE_MAX, .then = Step::Then::hold}});
  auto cache = cache_of(server);
  ASSERT_TRUE(comes_true([&] { return server.received().size() == 1; }));
  const MonoTime begin = system_clock().now();
  cache.reset();  // the last owner: joins the thread
  EXPECT_LT(system_clock().now() - begin, std::chrono::seconds(10)) << "a request may take 30 s";
}

TEST_F(ProviderTest, the_last_owner_may_go_on_the_providers_own_thread) {
  ScriptServer server({token("one", 3600)});
  auto cache = cache_of(server);
  Signal gone;
  auto last = std::make_shared<std::shared_ptr<TokenCache>>(cache);
  TokenCache& asked = *cache;
  cache.reset();
  asked.want("", [last, done = gone.done()]() mutable {
    last->reset();
    done();
  });
  last.reset();
  EXPECT_TRUE(gone.wait_for(1));
}

TEST_F(ProviderTest, the_process_has_one_provider_which_begins_anew_after_its_last_cache) {
  ScriptServer server({token("one", 3600), token("two", 3600)});
  ASSERT_EQ(::setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url().c_str(), 1), 0);
  const Options options = managed();
  auto cache = token_cache(options, k_scope);
  ASSERT_TRUE(cache.ok());
  EXPECT_EQ(*token_cache(options, k_scope), *cache);
  ASSERT_TRUE(comes_true([&] { return text_of(**cache) == "one"; }));
  cache = make_error(ErrorKind::canceled, Action::give_up, "given back");
  const auto again = token_cache(options, k_scope);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(comes_true([&] { return text_of(**again) == "two"; }));
  ::unsetenv("AZURE_POD_IDENTITY_AUTHORITY_HOST");
}

}  // namespace
}  // namespace penstock::identity
