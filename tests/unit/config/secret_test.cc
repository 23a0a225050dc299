#include "config/secret.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <sstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "config/environment.h"
#include "config/load.h"

namespace penstock::config {
namespace {

namespace fs = std::filesystem;

class SecretFile : public testing::Test {
 protected:
  SecretFile() { EXPECT_NE(::mkdtemp(directory_.data()), nullptr); }
  ~SecretFile() override { fs::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::trunc) << text;
  }
  Secret secret_of(const std::string& expression) const {
    const auto settings = load_text(
        "name: x\nsource: {brokers: [b:1], topics: [t]}\nsink:\n  url: https://a.blob.core.windows.net/lake\n"
        "  auth: {type: sas, token: \"" +
            expression + "\"}\n",
        "x.yaml", process_environment());
    EXPECT_TRUE(settings.ok()) << settings.error().message;
    return settings->sink.auth.token;
  }

  std::string directory_ = testing::TempDir() + "/penstock-secret-XXXXXX";
};

// Files are looked at once a second.
bool soon(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < until) {
    if (holds()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST_F(SecretFile, a_file_that_is_written_anew_is_seen_by_every_copy) {
  write("sas", "sv=1&sig=one\n");
  const Secret secret = secret_of("${file:" + path("sas") + "}");
  const Secret copy = secret;
  ASSERT_TRUE(secret.may_change());
  EXPECT_EQ(secret.current(), "sv=1&sig=one");
  write("sas", "sv=1&sig=two-2\n");
  EXPECT_TRUE(soon([&] { return copy.current() == "sv=1&sig=two-2"; }));
  EXPECT_EQ(secret.current(), "sv=1&sig=two-2");
  EXPECT_EQ(secret.version(), 1U);
  EXPECT_EQ(secret.reveal(), "sv=1&sig=one");
}

TEST_F(SecretFile, another_file_behind_a_link_is_seen) {
  write("data1", "sv=1&sig=one");
  write("data2", "sv=1&sig=two");
  fs::create_symlink("data1", path("data"));
  fs::create_symlink("data", path("sas"));
  const Secret secret = secret_of("${file:" + path("sas") + "}");
  fs::create_symlink("data2", path("next"));
  fs::rename(path("next"), path("data"));  // as Kubernetes does it
  EXPECT_TRUE(soon([&] { return secret.current() == "sv=1&sig=two"; }));
}

TEST_F(SecretFile, an_empty_or_missing_file_leaves_what_was) {
  write("sas", "sv=1&sig=one");
  const Secret secret = secret_of("${file:" + path("sas") + "}");
  write("sas", "");
  EXPECT_FALSE(secret.read_again("sv=1&sig=one"));
  fs::remove(path("sas"));
  EXPECT_FALSE(secret.read_again("sv=1&sig=one"));
  EXPECT_EQ(secret.current(), "sv=1&sig=one");
  write("sas", "sv=1&sig=two");
  EXPECT_TRUE(secret.read_again("sv=1&sig=one"));
  EXPECT_EQ(secret.current(), "sv=1&sig=two");
}

TEST_F(SecretFile, who_was_refused_with_an_older_one_is_told_of_the_newer) {
  write("sas", "sv=1&sig=one");
  const Secret secret = secret_of("${file:" + path("sas") + "}");
  write("sas", "sv=1&sig=two");
  ASSERT_TRUE(secret.read_again("sv=1&sig=one"));
  fs::remove(path("sas"));
  EXPECT_TRUE(secret.read_again("sv=1&sig=one")) << "another worker has read it already";
}

TEST_F(SecretFile, a_wish_reads_what_the_times_do_not_tell) {
  write("sas", "sv=1&sig=one");
  const auto time = fs::last_write_time(path("sas"));
  const Secret secret = secret_of("${file:" + path("sas") + "}");
  write("sas", "sv=1&sig=two");
  fs::last_write_time(path("sas"), time);
  read_secrets_again();
  EXPECT_EQ(secret.current(), "sv=1&sig=two");
}

TEST_F(SecretFile, parts_of_several_files_are_put_together_again) {
  write("a", "sv=1");
  write("b", "one");
  const Secret secret = secret_of("${file:" + path("a") + "}&sig=${file:" + path("b") + "}");
  EXPECT_EQ(secret.current(), "sv=1&sig=one");
  write("b", "two");
  EXPECT_TRUE(secret.read_again("sv=1&sig=one"));
  EXPECT_EQ(secret.current(), "sv=1&sig=two");
}

// A secret whose value is read anew by a wish, by what a test says.
TEST(SecretRead, one_that_hangs_holds_up_nobody_else) {
  std::promise<void> begun;
  std::promise<void> goes_on;
  const Secret secret("one", {.read = [&]() -> Result<std::string> {
                                begun.set_value();
                                goes_on.get_future().wait();
                                return std::string("two");
                              },
                              .files = {}});
  read_secrets_again();
  std::future<std::string> first = std::async(std::launch::async, [&] { return secret.current(); });
  begun.get_future().wait();
  std::future<std::string> second = std::async(std::launch::async, [&] { return secret.current(); });
  EXPECT_EQ(second.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  goes_on.set_value();
  EXPECT_EQ(second.get(), "one");
  EXPECT_EQ(first.get(), "two");
  EXPECT_EQ(secret.version(), 1U);
}

TEST(SecretRead, one_that_began_earlier_undoes_no_later_one) {
  std::promise<void> begun;
  std::promise<void> goes_on;
  std::atomic<int> reads = 0;
  const Secret secret("one", {.read = [&]() -> Result<std::string> {
                                if (reads++ > 0) {
                                  return std::string("three");
                                }
                                begun.set_value();
                                goes_on.get_future().wait();
                                return std::string("two");
                              },
                              .files = {}});
  read_secrets_again();
  std::future<std::string> first = std::async(std::launch::async, [&] { return secret.current(); });
  begun.get_future().wait();
  std::future<bool> again = std::async(std::launch::async, [&] { return secret.read_again("one"); });
  EXPECT_EQ(again.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  goes_on.set_value();
  EXPECT_TRUE(again.get());
  EXPECT_EQ(first.get(), "three");
  EXPECT_EQ(secret.current(), "three");
}

TEST_F(SecretFile, what_stands_in_the_configuration_stays) {
  const Secret secret = secret_of("sv=1&sig=one");
  EXPECT_FALSE(secret.may_change());
  EXPECT_FALSE(secret.read_again("sv=1&sig=one"));
  EXPECT_EQ(secret.current(), "sv=1&sig=one");
  std::ostringstream out;
  out << secret;
  EXPECT_EQ(out.str(), "(secret)");
}

}  // namespace
}  // namespace penstock::config
