// Configurations for the tests of this module, as somebody would write them.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include <penstock/penstock.h>

namespace penstock::appliance {

// A configuration with what must be written, and `more` behind it, from line 4 on.
inline std::string yaml(const std::string& more, const std::string& sink = "sink: {url: \"null:\"}") {
  return "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics: [orders]}\n" + sink + "\n" + more;
}

inline Settings settings_of(const std::string& text) {
  auto settings = Settings::parse(text, "x.yaml");
  EXPECT_TRUE(settings.ok()) << (settings.ok() ? "" : settings.error().message);
  return std::move(settings).value();
}

inline std::string fault_of(const std::string& text) {
  const auto settings = Settings::parse(text, "x.yaml");
  EXPECT_FALSE(settings.ok());
  return settings.ok() ? "" : settings.error().message;
}

}  // namespace penstock::appliance
