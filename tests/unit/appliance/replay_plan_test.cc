#include "appliance/replay_plan.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <penstock/penstock.h>

#include "appliance/fault_at.h"
#include "appliance/wiring.h"
#include "appliance/wiring_source.h"
#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* k_in_azure =
    "sink: {url: \"https://contoso.blob.core.windows.net/lake/raw\", auth: {type: sas, token: "
    "\"sv=2024-11-04&sp=rcwl&sig=x\"}}";

ReplayRequest request(const std::string& into = "replayed") {
  return {.topic = "orders", .from = "2026-01-30T00:00:00Z", .to = "2026-01-31T00:00:00Z", .into = into};
}

ReplayPlan planned(const ReplayRequest& asked, const std::string& sink = k_in_azure,
                   const std::string& more = "") {
  auto plan = plan_replay(settings_of(yaml(more, sink)).details(), asked);
  EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : plan.error().message);
  return std::move(plan).value();
}

std::string refused(const ReplayRequest& asked, const std::string& sink = k_in_azure) {
  const auto plan = plan_replay(settings_of(yaml("", sink)).details(), asked);
  EXPECT_FALSE(plan.ok());
  if (plan.ok()) {
    return {};
  }
  EXPECT_EQ(plan.error().code, k_configuration_fault);
  return plan.error().message;
}

TEST(ReplayPlan, is_a_run_with_a_group_a_stage_and_a_sink_of_its_own) {
  const ReplayPlan plan = planned(request(), k_in_azure, "stage: {dir: /srv/stage}\n");
  const config::Settings& settings = plan.settings;
  EXPECT_EQ(settings.sink.url, "https://contoso.blob.core.windows.net/lake/replayed");
  EXPECT_THAT(settings.source.group, StartsWith("penstock-test-replay-"));
  EXPECT_EQ(plan.range_group, settings.source.group + "-range");
  EXPECT_EQ(stage_directory(settings, 0), "/srv/stage/" + settings.name + "/worker-0");
  EXPECT_THAT(settings.name, StartsWith("test-replay-"));
  EXPECT_EQ(settings.source.topics, std::vector<std::string>{"orders"});
  EXPECT_EQ(admin_address(settings), "none");
}

TEST(ReplayPlan, the_same_options_are_the_same_replay_and_others_are_another) {
  const auto group = [](const ReplayRequest& asked) { return planned(asked).settings.source.group; };
  const std::string first = group(request());
  EXPECT_EQ(group(request()), first);
  EXPECT_EQ(group(request("/replayed/")), first);
  EXPECT_EQ(group(request("https://contoso.blob.core.windows.net/lake/replayed")), first);
  ReplayRequest other = request();
  other.to = "2026-01-31T00:00:01Z";
  EXPECT_NE(group(other), first);
  EXPECT_NE(group(request("elsewhere")), first);
  other = request();
  other.partitions = {2, 1, 2};
  const std::string of_two = group(other);
  EXPECT_NE(of_two, first);
  other.partitions = {1, 2};
  EXPECT_EQ(group(other), of_two);
}

TEST(ReplayPlan, the_quarantine_takes_the_place_of_a_range_and_is_a_replay_of_its_own) {
  ReplayRequest asked{.topic = "orders", .into = "replayed", .from_quarantine = true};
  const ReplayPlan plan = planned(asked);
  ASSERT_TRUE(plan.quarantine_of.has_value());
  EXPECT_EQ(plan.quarantine_of->sink.url, "https://contoso.blob.core.windows.net/lake/raw");
  EXPECT_EQ(plan.quarantine_of->source.group, "penstock-test");
  EXPECT_EQ(plan.quarantine_of->source.topics, std::vector<std::string>{"orders"});
  EXPECT_EQ(plan.settings.sink.url, "https://contoso.blob.core.windows.net/lake/replayed");
  EXPECT_EQ(planned(asked).settings.source.group, plan.settings.source.group);
  EXPECT_NE(planned(request()).settings.source.group, plan.settings.source.group);
  EXPECT_FALSE(planned(request()).quarantine_of.has_value());
  ReplayRequest other = asked;
  other.partitions = {1};
  EXPECT_NE(planned(other).settings.source.group, plan.settings.source.group);
}

TEST(ReplayPlan, needs_a_range_or_the_quarantine_and_never_both) {
  ReplayRequest asked = request();
  asked.from_quarantine = true;
  EXPECT_THAT(refused(asked), HasSubstr("--from-quarantine alone"));
  asked = request();
  asked.to.clear();
  EXPECT_THAT(refused(asked), HasSubstr("a range has both --from and --to"));
  asked.from_quarantine = true;
  EXPECT_THAT(refused(asked), HasSubstr("a range has both --from and --to"));
  asked = {.topic = "orders", .into = "replayed"};
  EXPECT_THAT(refused(asked), HasSubstr("a range has both --from and --to"));
}

TEST(ReplayPlan, long_names_keep_the_digits_that_tell_replays_apart) {
  auto service = settings_of(yaml("", k_in_azure)).details();
  service.name = std::string(100, 'n');
  service.source.group = std::string(256, 'g');
  const auto plan = plan_replay(service, request());
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->settings.name.size(), 100u);
  EXPECT_EQ(plan->range_group.size(), 256u);
  EXPECT_THAT(plan->range_group, HasSubstr("-replay-"));
}

TEST(ReplayPlan, files_of_service_and_replay_never_lie_one_in_the_other) {
  for (const char* into : {"raw", "raw/", "raw/again", "https://contoso.blob.core.windows.net/lake/raw/x",
                           "https://contoso.blob.core.windows.net/lake"}) {
    EXPECT_THAT(refused(request(into)), HasSubstr("is where sink.url puts the service's files")) << into;
  }
  planned(request("raw-again"));
  planned(request("https://contoso.blob.core.windows.net/other/raw"));
  const std::string whole_container =
      "sink: {url: \"https://contoso.blob.core.windows.net/lake\", auth: {type: sas, token: "
      "\"sv=2024-11-04&sp=rcwl&sig=x\"}}";
  EXPECT_THAT(refused(request("replayed"), whole_container), HasSubstr("URL of another container"));
}

TEST(ReplayPlan, a_directory_is_named_by_its_path) {
  const std::string sink = "sink: {url: \"file:///srv/lake/raw\"}";
  EXPECT_EQ(planned(request("/srv/lake/again"), sink).settings.sink.directory, "/srv/lake/again");
  EXPECT_EQ(planned(request("file:///srv/x"), sink).settings.sink.directory, "/srv/x");
  EXPECT_THAT(refused(request("again"), sink), HasSubstr("is no absolute path"));
  EXPECT_THAT(refused(request("/srv/lake/raw/x"), sink), HasSubstr("service's files"));
  EXPECT_THAT(refused(request("/srv/lake/./again/.."), sink), HasSubstr("service's files"));
  EXPECT_THAT(refused(request("ftp://x"), sink), HasSubstr("--into"));
}

TEST(ReplayPlan, what_cannot_be_meant_is_refused) {
  ReplayRequest asked = request();
  asked.topic = "others";
  EXPECT_THAT(refused(asked), HasSubstr("source.topics does not have it"));
  asked = request();
  asked.to = asked.from;
  EXPECT_THAT(refused(asked), HasSubstr("holds nothing"));
  asked = request();
  asked.from = "end";
  EXPECT_THAT(refused(asked), HasSubstr("holds nothing"));
  asked = request();
  asked.to = "2200-01-01T00:00:00Z";
  EXPECT_THAT(refused(asked), HasSubstr("in the future"));
  asked = request();
  asked.from = "10";
  asked.to = "9";
  EXPECT_THAT(refused(asked), HasSubstr("holds nothing"));
  EXPECT_THAT(refused(request("../raw2")), StartsWith("--into ../raw2: the prefix"));
}

TEST(ReplayPlan, a_topic_that_the_expression_does_not_match_is_refused) {
  config::Settings service = settings_of(yaml("", k_in_azure)).details();
  service.source.topics.clear();
  service.source.topics_regex = "^order";
  EXPECT_TRUE(plan_replay(service, request()).ok());
  service.source.topics_regex = "^invoice";
  const auto plan = plan_replay(service, request());
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().message, "--topic orders: source.topics_regex \"^invoice\" does not match it");
}

TEST(ReplayPlan, the_source_reads_the_ranges_and_nothing_else) {
  config::Settings settings = planned(request()).settings;
  const TopicPartition id{"orders", Partition{3}};
  settings.source.ranges.emplace().emplace(id, Range{Position{5}, Position{9}});
  const source::ConsumerOptions options = kafka_options(settings, 0);
  EXPECT_EQ(options.start.at, source::StartAt::given);
  EXPECT_EQ(options.start.given, (std::map<TopicPartition, Position>{{id, Position{5}}}));
}

struct RangeRow {
  const char* from;
  const char* to;
  ReplayFacts facts;
  Range expected;
  std::size_t notes;
};

TEST(ReplayRange, is_what_the_log_has_of_it) {
  const TopicPartition id{"orders", Partition{0}};
  const source::LogBounds log{Position{100}, Position{200}};
  for (const RangeRow& row : {
           RangeRow{"120", "150", {.log = log}, {Position{120}, Position{150}}, 0},
           RangeRow{"120", "900", {.log = log}, {Position{120}, Position{200}}, 0},
           RangeRow{"500", "900", {.log = log}, {Position{200}, Position{200}}, 0},
           RangeRow{"earliest", "end", {.log = log}, {Position{100}, Position{200}}, 0},
           RangeRow{"2026-01-30T00:00:00Z",
                    "2026-01-31T00:00:00Z",
                    {.log = log, .from_time = Position{110}, .to_time = Position{180}},
                    {Position{110}, Position{180}},
                    0},
           RangeRow{"2026-01-30T00:00:00Z",
                    "end",
                    {.log = log, .from_time = Position{100}, .to_time = {}},
                    {Position{100}, Position{200}},
                    1},
           // A record of the day before came after one of the day.
           RangeRow{"2026-01-30T00:00:00Z",
                    "150",
                    {.log = log, .from_time = Position{160}, .to_time = {}},
                    {Position{150}, Position{150}},
                    0},
       }) {
    ReplayRequest asked = request();
    asked.from = row.from;
    asked.to = row.to;
    std::vector<std::string> notes;
    const auto range = replay_range(planned(asked), id, row.facts, notes);
    ASSERT_TRUE(range.ok()) << row.from;
    EXPECT_EQ(*range, row.expected) << row.from << " " << row.to;
    EXPECT_EQ(notes.size(), row.notes) << row.from;
  }
}

TEST(ReplayRange, offsets_that_have_left_the_log_are_named_and_left_out_only_if_that_is_allowed) {
  const TopicPartition id{"orders", Partition{7}};
  const ReplayFacts facts{.log = {Position{100}, Position{200}}};
  ReplayRequest asked = request();
  asked.from = "40";
  asked.to = "150";
  std::vector<std::string> notes;
  const auto stopped = replay_range(planned(asked), id, facts, notes);
  ASSERT_FALSE(stopped.ok());
  EXPECT_THAT(stopped.error().message, HasSubstr("partition 7: offsets 40 to 99 have left the log"));
  EXPECT_THAT(stopped.error().message, HasSubstr("write --from 100"));

  ReplayPlan plan = planned(asked);
  plan.settings.source.on_data_loss = source::OnDataLoss::go_on;
  const auto went_on = replay_range(plan, id, facts, notes);
  ASSERT_TRUE(went_on.ok());
  EXPECT_EQ(*went_on, (Range{Position{100}, Position{150}}));
  EXPECT_THAT(notes, ::testing::ElementsAre(HasSubstr("begins at 100")));
}

TEST(ReplayRange, is_written_beside_its_end_and_read_back) {
  const std::string metadata = range_metadata({Position{500}, Position{900}});
  EXPECT_EQ(metadata, "r1;500");
  EXPECT_EQ(first_in_metadata(metadata), Position{500});
  for (const char* other : {"", "r1;", "r1;-1", "r1;5x", "r2;5", "p1;5;00000000;x"}) {
    EXPECT_FALSE(first_in_metadata(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace penstock::appliance
