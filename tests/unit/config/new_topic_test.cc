#include "config/new_topic.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::config {
namespace {

constexpr const char* k_former = R"(# The gateway's traffic.
name: api-gateway        # names the group
source:
  brokers: [contoso.servicebus.windows.net:9093]
  topics: [api-gateway]
  group: penstock-api-gateway
  start: earliest        # ümläuts before what follows
batch:
  path: "api-gateway/{yyyy}/{topic}-{dd}"
sink:
  url: https://contoso.blob.core.windows.net/lake/raw/api-gateway
admin: {listen: 127.0.0.1:9464}
)";

NewConfiguration made_of(const NewTopic& wanted, const std::string& text) {
  Result<NewConfiguration> made = configuration_for(wanted, text, "web.yaml");
  EXPECT_TRUE(made.ok()) << made.error().message;
  return made.ok() ? *std::move(made) : NewConfiguration{};
}

std::string refusal_of(const NewTopic& wanted, const std::string& text) {
  const Result<NewConfiguration> made = configuration_for(wanted, text, "web.yaml");
  EXPECT_FALSE(made.ok());
  return made.ok() ? std::string() : made.error().message;
}

TEST(NewTopic, the_port_of_an_example_is_free_unless_another_deployment_has_it) {
  const auto listens = [](std::set<std::uint16_t> taken) {
    const NewConfiguration made = made_of({.topic = "p",
                                           .name = "p",
                                           .brokers = {},
                                           .sink_url = {},
                                           .ports_taken = std::move(taken),
                                           .is_from_example = true},
                                          k_former);
    return made.text.substr(made.text.find("admin:"));
  };
  EXPECT_EQ(listens({}), "admin: {listen: 127.0.0.1:9464}\n");
  EXPECT_EQ(listens({9464}), "admin: {listen: 127.0.0.1:9465}\n");
  const std::string bare = "name: web\nsource: {topics: [web]}\n";
  EXPECT_EQ(made_of({.topic = "p",
                     .name = "p",
                     .brokers = {},
                     .sink_url = {},
                     .ports_taken = {},
                     .is_from_example = true},
                    bare)
                .text,
            "name: p\nsource: {topics: [p]}\n");
  EXPECT_NE(made_of({.topic = "p",
                     .name = "p",
                     .brokers = {},
                     .sink_url = {},
                     .ports_taken = {9464},
                     .is_from_example = true},
                    bare)
                .text.find("127.0.0.1:9465"),
            std::string::npos);
}

TEST(NewTopic, brokers_and_the_place_of_the_files_are_changed_where_they_are_given) {
  const NewConfiguration made = made_of({.topic = "payments",
                                         .name = "payments",
                                         .brokers = "ours.servicebus.windows.net:9093",
                                         .sink_url = "https://ours.blob.core.windows.net/lake/api-gateway",
                                         .ports_taken = {}},
                                        k_former);
  EXPECT_NE(made.text.find("\n  brokers: [ours.servicebus.windows.net:9093]\n"), std::string::npos)
      << made.text;
  EXPECT_NE(made.text.find("\n  url: https://ours.blob.core.windows.net/lake/api-gateway\n"),
            std::string::npos)
      << made.text;
  EXPECT_NE(refusal_of({.topic = "p", .name = "p", .brokers = "a:1", .sink_url = {}, .ports_taken = {}},
                       "name: web\nsource: {topics: [web], brokers: [b:1, c:1]}\n")
                .find("source.brokers has not exactly one entry"),
            std::string::npos);
}

TEST(NewTopic, changes_names_group_paths_and_port_and_nothing_else) {
  const NewConfiguration made = made_of(
      {.topic = "payments.v2", .name = "payments", .brokers = {}, .sink_url = {}, .ports_taken = {9465}},
      k_former);
  EXPECT_EQ(made.text, R"(# The gateway's traffic.
name: payments        # names the group
source:
  brokers: [contoso.servicebus.windows.net:9093]
  topics: [payments.v2]
  group: penstock-payments.v2
  start: earliest        # ümläuts before what follows
batch:
  path: "payments.v2/{yyyy}/{topic}-{dd}"
sink:
  url: https://contoso.blob.core.windows.net/lake/raw/payments.v2
admin: {listen: 127.0.0.1:9466}
)");
  EXPECT_EQ(made.former_name, "api-gateway");
  ASSERT_EQ(made.changes.size(), 6U);
  EXPECT_EQ(made.changes[0].line, 2);
  EXPECT_EQ(made.changes[0].before, "name: api-gateway        # names the group");
  EXPECT_EQ(made.changes[0].after, "name: payments        # names the group");
  EXPECT_EQ(made.changes[5].line, 12);
}

TEST(NewTopic, a_name_within_a_word_is_no_name) {
  const NewConfiguration made =
      made_of({.topic = "pay", .name = "pay", .brokers = {}, .sink_url = {}, .ports_taken = {}},
              "name: web\n"
              "source: {topics: web, group: 'penstock-web'}\n"
              "sink: {url: 'file:///srv/webhooks/web'}\n");
  EXPECT_EQ(made.text,
            "name: pay\n"
            "source: {topics: pay, group: 'penstock-pay'}\n"
            "sink: {url: 'file:///srv/webhooks/pay'}\n"
            "admin: {listen: 127.0.0.1:9465}\n");
}

TEST(NewTopic, a_group_without_the_former_name_gets_a_name_of_its_own) {
  const NewConfiguration made =
      made_of({.topic = "pay", .name = "pay", .brokers = {}, .sink_url = {}, .ports_taken = {}},
              "name: web\nsource:\n  topics:\n    - web\n  group: lake\nadmin:\n  listen: none\n");
  EXPECT_EQ(made.text,
            "name: pay\nsource:\n  topics:\n    - pay\n  group: penstock-pay\nadmin:\n  listen: none\n");
}

TEST(NewTopic, what_is_not_a_configuration_of_one_topic_is_refused) {
  const NewTopic wanted{.topic = "pay", .name = "pay", .brokers = {}, .sink_url = {}, .ports_taken = {}};
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {"source: {topics: [web]}\n", "has no name"},
           {"name: web\nsource: {topics: [web, app]}\n",
            "web.yaml:2: source.topics has not exactly one topic"},
           {"name: web\nsource: {topics: 'web,app'}\n", "not exactly one topic"},
           {"name: web\n", "not exactly one topic"},
           {"name: web\nsource: {topics_regex: ^web}\n", "finds a new one by itself"},
           {"name: [\n", "web.yaml:"},
           {"name: \"we\\u0062\"\nsource: {topics: [web]}\n", "web.yaml:1: the value here is not written"}}) {
    EXPECT_NE(refusal_of(wanted, text).find(says), std::string::npos) << refusal_of(wanted, text);
  }
  EXPECT_NE(
      refusal_of({.topic = "a/b", .name = "pay", .brokers = {}, .sink_url = {}, .ports_taken = {}}, k_former)
          .find("the topic"),
      std::string::npos);
  EXPECT_NE(
      refusal_of({.topic = "pay", .name = "a b", .brokers = {}, .sink_url = {}, .ports_taken = {}}, k_former)
          .find("the deployment's name"),
      std::string::npos);
}

}  // namespace
}  // namespace penstock::config
