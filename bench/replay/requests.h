// Records whose members are always the same: requests of a shop, as JSON or as Avro, for what makes columns.
// Numbers and ids do not repeat, words do. The JSON is close to a mean size, and the Avro is of the same
// requests. The same seed gives the same records.
//
// {"time":"2026-11-29T19:29:33.512Z","trace":"8f3a6c01d2e45b97","method":"GET","path":"/v1/orders",
//  "status":200,"bytes":2811,"ms":17.125,"cached":false,"user":"user-4711",
//  "client":{"ip":"198.51.7.201","region":"eu-west"},"tags":["mobile","retry"],
//  "items":[{"sku":"A-48213","qty":2,"price":12.500,"gift":false}],"note":"basic 5bd01e77 cache"}
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "draws.h"

namespace penstock::bench {

inline constexpr const char* k_request_schema =
    R"({"type":"record","name":"Request","fields":[)"
    R"({"name":"time","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"trace","type":"string"},)"
    R"({"name":"method","type":{"type":"enum","name":"Method","symbols":["GET","POST","PUT","DELETE"]}},)"
    R"({"name":"path","type":"string"},{"name":"status","type":"int"},{"name":"bytes","type":"long"},)"
    R"({"name":"ms","type":"double"},{"name":"cached","type":"boolean"},{"name":"user","type":["null","string"]},)"
    R"({"name":"client","type":{"type":"record","name":"Client","fields":[)"
    R"({"name":"ip","type":"string"},{"name":"region","type":"string"}]}},)"
    R"({"name":"tags","type":{"type":"array","items":"string"}},)"
    R"({"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[)"
    R"({"name":"sku","type":"string"},{"name":"qty","type":"int"},{"name":"price","type":"double"},)"
    R"({"name":"gift","type":"boolean"}]}}},{"name":"note","type":"string"}]})";

struct Request {
  std::uint32_t ms_of_day = 0;
  std::string trace;
  std::size_t method = 0;
  std::string_view path;
  int status = 0;
  std::uint32_t bytes = 0;
  std::uint32_t eighths_of_ms = 0;
  bool cached = false;
  std::string user;  // empty: null
  std::string ip;
  std::string_view region;
  std::vector<std::string_view> tags;
  struct Item {
    std::string sku;
    std::uint32_t qty = 0;
    std::uint32_t eighths = 0;  // of its price
    bool gift = false;
  };
  std::vector<Item> items;
  std::string note;

  static constexpr std::array<std::string_view, 4> k_methods{"GET", "POST", "PUT", "DELETE"};
  static constexpr std::int64_t k_day_ms = 1'795'910'400'000;  // 2026-11-29

  static std::string of_eighths(std::uint32_t number) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%u.%03u", number / 8, number % 8 * 125);
    return text.data();
  }
  static const char* truth(bool value) { return value ? "true" : "false"; }

  std::string json() const {
    const auto text = [](std::string_view name, std::string_view value) {
      return ",\"" + std::string(name) + "\":\"" + std::string(value) + '"';
    };
    const std::uint32_t s = ms_of_day / 1000;
    std::array<char, 64> time{};
    std::snprintf(time.data(), time.size(), "{\"time\":\"2026-11-29T%02u:%02u:%02u.%03uZ\"", s / 3600,
                  s / 60 % 60, s % 60, ms_of_day % 1000);
    std::string out = time.data() + text("trace", trace) + text("method", k_methods[method]) +
                      text("path", path) + ",\"status\":" + std::to_string(status) +
                      ",\"bytes\":" + std::to_string(bytes) + ",\"ms\":" + of_eighths(eighths_of_ms) +
                      ",\"cached\":" + truth(cached) +
                      (user.empty() ? ",\"user\":null" : text("user", user)) + ",\"client\":{" +
                      text("ip", ip).substr(1) + text("region", region) + "},\"tags\":[";
    for (const std::string_view tag : tags) {
      out += (out.back() == '[' ? "\"" : ",\"") + std::string(tag) + '"';
    }
    out += "],\"items\":[";
    for (const Item& item : items) {
      out += (out.back() == '[' ? "{" : ",{") + text("sku", item.sku).substr(1) +
             ",\"qty\":" + std::to_string(item.qty) + ",\"price\":" + of_eighths(item.eighths) +
             ",\"gift\":" + truth(item.gift) + '}';
    }
    return out + ']' + text("note", note) + '}';
  }

  std::string avro() const {
    std::string out;
    const auto number = [&out](std::int64_t value) {
      auto bits = static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
      for (; bits >= 0x80; bits >>= 7) {
        out += static_cast<char>(bits | 0x80);
      }
      out += static_cast<char>(bits);
    };
    const auto text = [&out, number](std::string_view value) {
      number(static_cast<std::int64_t>(value.size()));
      out += value;
    };
    number(k_day_ms + ms_of_day);
    text(trace);
    number(static_cast<std::int64_t>(method));
    text(path);
    number(status);
    number(bytes);
    const auto real = [&out](std::uint32_t eighths) {
      const double value = eighths / 8.0;
      out.append(reinterpret_cast<const char*>(&value), sizeof(value));
    };
    real(eighths_of_ms);
    out += cached ? '\1' : '\0';
    number(user.empty() ? 0 : 1);
    if (!user.empty()) {
      text(user);
    }
    text(ip);
    text(region);
    if (!tags.empty()) {
      number(static_cast<std::int64_t>(tags.size()));
      for (const std::string_view tag : tags) {
        text(tag);
      }
    }
    number(0);
    if (!items.empty()) {
      number(static_cast<std::int64_t>(items.size()));
      for (const Item& item : items) {
        text(item.sku);
        number(item.qty);
        real(item.eighths);
        out += item.gift ? '\1' : '\0';
      }
    }
    number(0);
    text(note);
    return out;
  }
};

class RequestStream : private Draws {
 public:
  RequestStream(std::uint64_t seed, std::size_t json_bytes_mean)
      : Draws(seed), json_bytes_mean_(json_bytes_mean) {}

  // Its items make it as large as it should be.
  Request next() {
    constexpr std::uint32_t k_ms_of_day = 86'400'000;
    ms_of_day_ = (ms_of_day_ + below(40)) % k_ms_of_day;
    Request out{.ms_of_day = ms_of_day_,
                .trace = hex(16),
                .method = below(10) % Request::k_methods.size(),
                .path = pick(k_paths),
                .status = pick(k_statuses),
                .bytes = below(1U << 16),
                .eighths_of_ms = below(8 * 900),
                .cached = below(4) == 0,
                .user = below(3) == 0 ? std::string() : "user-" + std::to_string(below(20'000)),
                .ip = "198.51." + std::to_string(below(256)) + '.' + std::to_string(below(256)),
                .region = pick(k_regions),
                .tags = {},
                .items = {},
                .note = {}};
    for (std::uint32_t left = below(4); left > 0; --left) {
      out.tags.push_back(pick(k_words));
    }
    for (std::uint32_t left = below(4); left > 0; --left) {
      out.note += (out.note.empty() ? "" : " ") + std::string(pick(k_words)) + ' ' + hex(8);
    }
    const std::size_t others = out.json().size();
    const std::size_t wanted = json_bytes_mean_ * (80 + below(41)) / 100;
    for (std::size_t bytes = others; bytes + k_item_bytes / 2 < wanted; bytes += k_item_bytes) {
      out.items.push_back({.sku = "A-" + std::to_string(10'000 + below(50'000)),
                           .qty = 1 + below(4),
                           .eighths = below(8 * 200),
                           .gift = below(20) == 0});
    }
    return out;
  }

 private:
  static constexpr std::size_t k_item_bytes = 55;  // in JSON
  static constexpr std::array<std::string_view, 7> k_paths{"/v1/orders", "/v1/orders/items", "/v1/customers",
                                                           "/v2/search", "/v1/carts/add",    "/v2/payments",
                                                           "/health"};
  static constexpr std::array k_statuses{200, 200, 200, 201, 204, 301, 404, 429, 500};
  static constexpr std::array<std::string_view, 4> k_regions{"eu-west", "eu-north", "us-east", "ap-south"};
  static constexpr std::array<std::string_view, 12> k_words{"gateway", "orders-service", "allow", "customer",
                                                            "session", "internal",       "cache", "retry",
                                                            "mobile",  "checkout",       "basic", "bearer"};

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(Draws::below(bound)); }

  std::size_t json_bytes_mean_;
  std::uint32_t ms_of_day_ = 0;
};

}  // namespace penstock::bench
