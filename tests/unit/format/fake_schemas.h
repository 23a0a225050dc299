// A registry that answers at once.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "format/schema_source.h"

namespace penstock::format {

// What it has neither a schema nor a fault for is waited for.
struct FakeSchemas final : SchemaSource {
  std::map<codec::SchemaId, std::shared_ptr<const codec::RegisteredSchema>> known;
  std::map<codec::SchemaId, std::string> faults;
  std::map<std::string, SchemaWait, std::less<>> waits;
  int finds = 0;

  static std::shared_ptr<const codec::RegisteredSchema> avro(std::string_view text) {
    return std::make_shared<const codec::RegisteredSchema>(codec::RegisteredSchema::of_avro(text).value());
  }
  static std::shared_ptr<const codec::RegisteredSchema> json(std::string_view text,
                                                             bool has_references = false) {
    return std::make_shared<const codec::RegisteredSchema>(
        codec::RegisteredSchema::of_json(text, has_references).value());
  }

  // Confluent's.
  static codec::SchemaId number(std::uint32_t id) {
    codec::SchemaId made;
    for (unsigned i = 0; i < 4; ++i) {
      made.bytes.at(15 - i) = static_cast<std::uint8_t>(id >> (8 * i));
    }
    return made;
  }

  SchemaAnswer find(std::string_view /*topic*/, const codec::SchemaId& id) override {
    ++finds;
    if (const auto found = known.find(id); found != known.end()) {
      return {.state = SchemaAnswer::State::known, .schema = found->second};
    }
    const auto fault = faults.find(id);
    return fault != faults.end() ? SchemaAnswer{.state = SchemaAnswer::State::none, .fault = fault->second}
                                 : SchemaAnswer{.state = SchemaAnswer::State::waits};
  }
  const std::map<std::string, SchemaWait, std::less<>>& waiting() override { return waits; }
  void forget_waits() override {}
  std::array<std::uint64_t, k_schema_outcomes> requests() const override { return {}; }
};

}  // namespace penstock::format
