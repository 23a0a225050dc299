// How it works. Each check is given the settings of one section, with what is written before its keys. It
// blames an override only for what that says itself, since the rest is a copy of `batch`. For example:
//
//   1  batch: {format: envelope, validate: json}
//   2  overrides:
//   3    - {match: ^pay, batch: {decode: avro, schema: "..."}}
//
// 1. Of `batch` there is nothing to say.
// 2. Of the override check_decode() finds that validate: json would put all of its Avro into quarantine. It
//    names overrides[0].batch.validate. That has no line, so line 3 is told, of its section.
#include "config/validate_batch.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/concat.h"
#include "base/foreign_limits.h"
#include "base/units.h"
#include "config/soundness.h"

namespace penstock::config {
namespace {

void check_batch(const Settings& settings, Report& report, const BatchSettings& batch,
                 const std::string& prefix) {
  const std::string bytes = prefix + "batch.max_bytes";
  // 8 MiB x 50,000 = 390 GiB: met only by very small blocks. An override is blamed for what it says itself.
  const bool says_bytes = prefix.empty() || written(settings, bytes);
  if (says_bytes && sound(report, {bytes, "sink.block_bytes"}) &&
      batch.max_bytes > k_blocks_per_blob_max * settings.sink.block_bytes) {
    report.add(bytes,
               concat("needs more than ", k_blocks_per_blob_max,
                      " blocks of sink.block_bytes, the most a blob can ", "have; write at most ",
                      format_size(k_blocks_per_blob_max * settings.sink.block_bytes), ", or larger blocks"));
  }
  const std::string path = prefix + "batch.path";
  const std::string group_by = prefix + "batch.group_by";
  const bool says_path = prefix.empty() || written(settings, path) || written(settings, group_by);
  if (says_path && sound(report, {path, group_by}) && batch.group_by == GroupBy::topic &&
      batch.path.find("{partition}") != std::string::npos) {
    report.add(path,
               "holds {partition}, and a file has all partitions of its topic; remove it, or write "
               "group_by: partition");
  }
}

// In an override it may be the general setting that does not fit. The override is blamed for its format then.
void check_format(const Settings& settings, Report& report, const BatchSettings& batch,
                  const std::string& prefix) {
  const std::string format = prefix + "batch.format";
  const std::string group_by = prefix + "batch.group_by";
  const std::string compression = prefix + "batch.compression";
  const bool is_capture = batch.format == Format::capture_avro;
  const auto blamed = [&](const std::string& key) { return written(settings, key) ? key : format; };
  if (is_capture && batch.group_by == GroupBy::topic && sound(report, {format, group_by, "batch.group_by"})) {
    report.add(blamed(group_by),
               "makes a file of all partitions, and one of capture-avro has one; write group_by: partition");
  }
  if (!sound(report, {format, compression, "batch.compression"})) {
    return;
  }
  const bool is_deflate = batch.compression == codec::Compression::deflate;
  const bool is_parquet = batch.format == Format::parquet;
  if (is_parquet && (is_deflate || batch.compression == codec::Compression::gzip)) {
    report.add(blamed(compression),
               concat("does not go with compression: ", to_string(batch.compression),
                      ", which parquet cannot have; write compression: zstd, snappy or none"));
  } else if (!is_parquet && batch.compression == codec::Compression::snappy) {
    report.add(blamed(compression),
               "does not go with compression: snappy, which only parquet has; write compression: zstd");
  } else if (is_capture && !is_deflate && batch.compression != codec::Compression::none) {
    report.add(blamed(compression), concat("does not go with compression: ", to_string(batch.compression),
                                           ", which capture-avro cannot have; write compression: none, or "
                                           "deflate"));
  } else if (!is_capture && is_deflate) {
    report.add(blamed(compression),
               "does not go with compression: deflate, which only capture-avro has; write compression: gzip");
  }
}

// Fields that are written beside another format may still be meant for an override that says envelope.
void check_envelope_fields(const Settings& settings, Report& report, const BatchSettings& batch,
                           const std::string& prefix) {
  const std::string fields = prefix + "batch.envelope_fields";
  const bool used = batch.format == Format::envelope ||
                    (prefix.empty() && std::any_of(settings.overrides.begin(), settings.overrides.end(),
                                                   [](const Override& entry) {
                                                     return entry.batch.format == Format::envelope;
                                                   }));
  if (!used && written(settings, fields) && sound(report, {prefix + "batch.format"})) {
    report.add(fields, "has no use without format: envelope; write that, or remove it");
  }
}

// In the same way.
void check_empty_files(const Settings& settings, Report& report, const BatchSettings& batch,
                       const std::string& prefix) {
  const std::string empty = prefix + "batch.empty_files";
  const std::string format = prefix + "batch.format";
  const bool used = batch.format == Format::capture_avro ||
                    (prefix.empty() && std::ranges::any_of(settings.overrides, [](const Override& entry) {
                       return entry.batch.format == Format::capture_avro;
                     }));
  if (batch.empty_files && !used && written(settings, empty) && sound(report, {format, empty})) {
    report.add(empty, "has no use without format: capture-avro; write that, or remove it");
  }
}

// As with those fields, an override may be what small_max_age is meant for.
void check_small_files(const Settings& settings, Report& report, const BatchSettings& batch,
                       const std::string& prefix) {
  const std::string min_bytes = prefix + "batch.min_bytes";
  const std::string max_bytes = prefix + "batch.max_bytes";
  const std::string max_age = prefix + "batch.max_age";
  const std::string small = prefix + "batch.small_max_age";
  const bool used_elsewhere =
      prefix.empty() && std::ranges::any_of(settings.overrides,
                                            [](const Override& entry) { return entry.batch.min_bytes > 0; });
  if (batch.min_bytes == 0) {
    if (!used_elsewhere && written(settings, small) && sound(report, {small, min_bytes})) {
      report.add(small, "has no use without min_bytes; write min_bytes: 16MiB beside it, or remove it");
    }
    return;
  }
  const auto says = [&](std::string_view key) { return prefix.empty() || written(settings, key); };
  if ((says(min_bytes) || says(max_bytes)) && sound(report, {min_bytes, max_bytes}) &&
      batch.min_bytes > batch.max_bytes) {
    report.add(min_bytes, concat("is more than max_bytes, at which a file is closed; write at most ",
                                 format_size(batch.max_bytes)));
  }
  if ((says(min_bytes) || says(max_age) || says(small)) && sound(report, {min_bytes, max_age, small}) &&
      batch.small_max_age < batch.max_age) {
    report.add(small, concat("is ", format_duration(batch.small_max_age), ", shorter than max_age; write ",
                             format_duration(batch.max_age), " or more"));
  }
}

// What keeps values of these settings from being decoded; empty: nothing, or they are not to be.
struct DecodeFault {
  std::string_view key = {};
  std::string what = {};
};

// Of the format that values are decoded for.
DecodeFault decode_format_fault(const BatchSettings& batch) {
  if (batch.decode == Decode::json && !batch.schema_by_id && batch.format != Format::parquet) {
    return {"batch.format",
            "has no columns for decode: json; write parquet, or decode: none, or schema: registry"};
  }
  if (batch.format == Format::ndjson) {
    return {"batch.format",
            "has no place for a value that batch.decode cannot decode; write envelope, parquet or "
            "capture-avro, or decode: none"};
  }
  if (batch.format == Format::envelope && !batch.envelope_fields.has(EnvelopeField::value)) {
    return {"batch.envelope_fields",
            "leave out the value, which is to be decoded; add value, or write decode: none"};
  }
  return {};
}

DecodeFault decode_fault(const BatchSettings& batch) {
  if (batch.decode == Decode::none) {
    return {};
  }
  const std::string_view word = batch.decode == Decode::avro ? "avro" : "json";
  if (DecodeFault fault = decode_format_fault(batch); !fault.key.empty()) {
    return fault;
  }
  if (!batch.value_schema && !batch.schema_by_id) {
    return {"batch.schema",
            concat("is required with decode: ", word, "; write \"${file:/its/whole/path}\", or registry")};
  }
  if (batch.decode == Decode::avro && !batch.schema && !batch.schema_by_id) {
    return {"batch.schema",
            concat("is no schema of Avro that can be used: it ", batch.value_schema->avro.error().message)};
  }
  if (batch.format == Format::parquet && !batch.schema_by_id) {
    const Result<codec::Table>& table =
        batch.decode == Decode::avro ? batch.value_schema->table_of_avro : batch.value_schema->table_of_json;
    if (!table.ok()) {
      return {"batch.schema", concat("makes no columns: it ", table.error().message)};
    }
  }
  if (batch.decode == Decode::json && batch.framing != codec::SchemaFraming::none &&
      batch.validate == Validate::json) {
    return {"batch.validate",
            "looks at a value as it came, and with an id before it no value is JSON: all would go into "
            "quarantine; write none, or framing: none"};
  }
  if (batch.decode == Decode::avro && batch.validate == Validate::json) {
    return {"batch.validate",
            "looks at a value as it came, and no Avro is JSON: all would go into quarantine; write none, or "
            "decode: none"};
  }
  return {};
}

void check_decode(const Settings& settings, Report& report, const BatchSettings& batch,
                  const std::string& prefix) {
  for (const std::string_view name :
       {"batch.decode", "batch.format", "batch.schema", "batch.envelope_fields", "batch.validate"}) {
    if (!sound(report, {name, prefix + std::string(name)})) {
      return;
    }
  }
  // A fault of the general settings is told there.
  const DecodeFault fault = decode_fault(batch);
  if (!fault.key.empty() && (prefix.empty() || fault.key != decode_fault(settings.batch).key)) {
    report.add(prefix + std::string(fault.key), fault.what);
  }
  // What is written beside decode: none may be meant for an override that decodes.
  const bool used = batch.decode != Decode::none ||
                    (prefix.empty() && std::ranges::any_of(settings.overrides, [](const Override& entry) {
                       return entry.batch.decode != Decode::none;
                     }));
  for (const std::string_view name : {"batch.schema", "batch.framing"}) {
    const std::string key = prefix + std::string(name);
    if (!used && written(settings, key)) {
      report.add(key, "has no use without decode: avro or json; write one of them, or remove it");
    }
  }
}

// What is written beside another schema may be meant for an override that has a registry's.
void check_columns(const Settings& settings, Report& report, const BatchSettings& batch,
                   const std::string& prefix) {
  const std::string key = prefix + "batch.columns";
  const auto has_use = [](const BatchSettings& some) {
    return some.format == Format::parquet && some.schema_by_id;
  };
  const bool is_used = has_use(batch) ||
                       (prefix.empty() && std::ranges::any_of(settings.overrides, [&](const Override& entry) {
                          return has_use(entry.batch);
                        }));
  if (written(settings, key) && !is_used &&
      sound(report, {key, prefix + "batch.schema", prefix + "batch.format"})) {
    report.add(key, "has no use without format: parquet and schema: registry; write these, or remove it");
  }
}

// The framing of values whose schemas are found by their ids.
void check_framing(const Settings& settings, Report& report, const BatchSettings& batch,
                   const std::string& prefix) {
  const std::string framing = prefix + "batch.framing";
  const std::string schema = prefix + "batch.schema";
  if (batch.decodes_by_id() && batch.framing != settings.registry.type &&
      (prefix.empty() || written(settings, framing) || written(settings, schema)) &&
      sound(report, {framing, schema, "batch.framing", "registry", "registry.type"})) {
    report.add(written(settings, framing) ? framing : schema,
               "is of ids in another framing than those of registry.type, and the registry would not know "
               "them; leave out batch.framing, or write the type that it names");
  }
}

}  // namespace

void validate_batch(const Settings& settings, Report& report, const BatchSettings& batch,
                    const std::string& prefix) {
  check_batch(settings, report, batch, prefix);
  check_format(settings, report, batch, prefix);
  check_envelope_fields(settings, report, batch, prefix);
  check_empty_files(settings, report, batch, prefix);
  check_small_files(settings, report, batch, prefix);
  check_decode(settings, report, batch, prefix);
  check_framing(settings, report, batch, prefix);
  check_columns(settings, report, batch, prefix);
}

}  // namespace penstock::config
