// How it works
//
// all_keys() has a row per key: those of `source` are in keys_source.cc, those of `sink` in keys_sink.cc, of
// `registry` in keys_registry.cc, what both sides have in keys_identity.cc, and the others here. Its `parse`
// reads the written value into the field of Settings that the key stands for. The readers (readers.h) take it
// by its kind and the row's limits; what else must hold of it is a check_ function that returns a complaint.
// The row's other fields are what people read: the reference page, and "write ..." in messages.
//
// For example, `sink: {connections: 100}`:
// 1. load.cc finds the row "sink.connections" and calls its `parse` with the node "100".
// 2. read_count() reads 100, which is outside of the row's limits of 1 and 64.
// 3. It returns "is outside its limits; write 1 to 64", and leaves settings.sink.connections at the default.
//    That is the row's `fallback`, "4", which went through the same function before.
// 4. The report puts the file, the line and the key in front.
//
// Words that stand for a value of an enum are a Choice. The enum is that of the module that acts on it, so
// that a value reaches its module as it was read.
#include "config/keys.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "base/units.h"
#include "codec/value_schema.h"
#include "config/addresses.h"
#include "config/document.h"
#include "config/key_rows.h"
#include "config/memory_plan.h"
#include "config/names.h"
#include "config/readers.h"
#include "config/settings.h"

namespace penstock::config {
namespace {

constexpr Choice k_group_by[] = {choice("topic", GroupBy::topic), choice("partition", GroupBy::partition)};
constexpr Choice k_clock[] = {choice("wall", BatchClock::wall), choice("record", BatchClock::record)};
constexpr Choice k_format[] = {choice("ndjson", Format::ndjson), choice("envelope", Format::envelope),
                               choice("capture-avro", Format::capture_avro),
                               choice("parquet", Format::parquet)};
constexpr Choice k_compression[] = {
    choice("none", codec::Compression::none), choice("gzip", codec::Compression::gzip),
    choice("zstd", codec::Compression::zstd), choice("deflate", codec::Compression::deflate),
    choice("snappy", codec::Compression::snappy)};
constexpr Choice k_validate[] = {choice("none", Validate::none), choice("json", Validate::json)};
constexpr Choice k_decode[] = {choice("none", Decode::none), choice("avro", Decode::avro),
                               choice("json", Decode::json)};
constexpr Choice k_columns[] = {choice("fields", Columns::fields), choice("records", Columns::records)};
constexpr Choice k_framing[] = {
    choice("none", codec::SchemaFraming::none), choice("confluent", codec::SchemaFraming::confluent),
    choice("azure", codec::SchemaFraming::azure), choice("apicurio", codec::SchemaFraming::apicurio)};
constexpr Choice k_empty_files[] = {choice("true", 1), choice("false", 0)};
constexpr Choice k_open_probes[] = {choice("true", 1), choice("false", 0)};
constexpr Choice k_io[] = {choice("best", io::Choice::best), choice("io_uring", io::Choice::io_uring),
                           choice("portable", io::Choice::portable)};
constexpr Choice k_guarantee[] = {choice("exactly_once", ledger::Guarantee::exactly_once),
                                  choice("at_least_once", ledger::Guarantee::at_least_once)};
// There is nothing finer than debug in our own log.
constexpr Choice k_log_level[] = {choice("trace", obs::Level::debug), choice("debug", obs::Level::debug),
                                  choice("info", obs::Level::info), choice("warn", obs::Level::warning),
                                  choice("error", obs::Level::error)};
constexpr Choice k_log_format[] = {choice("text", obs::LogFormat::text),
                                   choice("json", obs::LogFormat::json)};

Complaint read_envelope_fields(const Node& node, EnvelopeFields& out) {
  std::vector<std::string> names;
  if (Complaint complaint = read_list(node, names); !complaint.empty()) {
    return complaint;
  }
  EnvelopeFields fields = EnvelopeFields::none();
  for (const std::string& name : names) {
    const auto found = std::find(k_envelope_field_names.begin(), k_envelope_field_names.end(), name);
    if (found == k_envelope_field_names.end()) {
      return "has an item that is no field of an envelope; write topic, partition, offset, timestamp, "
             "timestamp_type, key, headers or value";
    }
    const auto field = static_cast<EnvelopeField>(found - k_envelope_field_names.begin());
    if (fields.has(field)) {
      return concat("has ", name, " twice; remove one of them");
    }
    fields = fields.with(field);
  }
  out = fields;
  return {};
}

// The word, or the one schema of all values. Which kind of schema is meant follows from batch.decode. What it
// then lacks is told by validate.cc.
Complaint read_schema(const Node& node, BatchSettings& out) {
  std::string text;
  if (Complaint complaint = read_text(node, text); !complaint.empty()) {
    return complaint;
  }
  out.schema_by_id = text == "registry";
  if (out.schema_by_id) {
    out.schema = nullptr;
    out.value_schema = nullptr;
    return {};
  }
  const auto read = std::make_shared<const codec::ValueSchema>(codec::ValueSchema::read(text));
  if (!read->avro.ok() && !read->table_of_json.ok()) {
    return concat("is no schema of Avro that can be used: it ", read->avro.error().message,
                  ". Nor is it a JSON Schema: it ", read->table_of_json.error().message);
  }
  out.value_schema = read;
  out.schema = read->avro.ok() ? std::shared_ptr<const codec::AvroSchema>(read, &*read->avro) : nullptr;
  return {};
}

constexpr Key k_name_key[] = {
    {.path = "name",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "none, it is required",
     .allowed = "1 to 100 letters, digits, '.', '_' and '-'",
     .help = "The deployment's name. It names the consumer group (unless source.group does), labels the "
             "metrics, and is the directory below stage.dir. Two deployments on one machine need two "
             "names.",
     .parse =
         [](const Key&, const Node& node, Settings& s) {
           return read_checked(node, s.name, [](const std::string& v) { return check_name(v); });
         }},
};

constexpr Key k_batch_keys[] = {
    {.path = "batch.max_age",
     .kind = Kind::duration,
     .since = "0.1",
     .fallback = "60s",
     .limits = {1 * k_s, 24 * k_h},
     .help = "A file is closed and published when its first record is this old. A record is in the lake "
             "at the latest this long after it was read, plus the time of the upload. While the storage is "
             "away files wait for it. When they take half of the memory that they may (runtime.memory), a "
             "file is not closed by its age while the one before it waits. It grows up to batch.max_bytes. "
             "So a long outage ends in fewer and larger files, whose names tell when they were begun.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_duration(key, node, s.batch.max_age); }},
    {.path = "batch.min_bytes",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "0B",
     .limits = {0, 190 * k_tib},
     .help =
         "A file that is smaller than this at batch.max_age stays open: until it has so many bytes, or is "
         "as old as batch.small_max_age. So topics with little traffic make fewer files, and the others "
         "keep their max_age. With compression it is the compressed size that counts. 0B: every file is "
         "closed at max_age. A stop, a rebalance and a full stage close files earlier, as ever.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.batch.min_bytes); }},
    {.path = "batch.small_max_age",
     .kind = Kind::duration,
     .since = "0.1",
     .fallback = "10m",
     .limits = {1 * k_s, 24 * k_h},
     .help = "With batch.min_bytes: the age at which a file is closed, however small it is. A record is then "
             "in the lake at the latest this long after it was read, plus the time of the upload, in the "
             "place of batch.max_age. At least max_age.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_duration(key, node, s.batch.small_max_age); }},
    // The largest blob: 50,000 blocks of 4,000 MiB are 190 TiB.
    {.path = "batch.max_bytes",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "256MiB",
     .limits = {1 * k_kib, 190 * k_tib},
     .help = "A file is closed and published before it would grow beyond this size. With compression it "
             "is the compressed size that counts. Memory does not depend on it, as full blocks are "
             "uploaded while the file is open. At most 50,000 x sink.block_bytes.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.batch.max_bytes); }},
    {.path = "batch.group_by",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "topic",
     .choices = k_group_by,
     .help = "`topic` puts all partitions of a topic that a worker reads into one file. `partition` "
             "makes a file per partition. With `format: capture-avro` the default is `partition`.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.group_by); }},
    {.path = "batch.format",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "ndjson",
     .choices = k_format,
     .help =
         "`ndjson`: the value's bytes as the producer sent them, then a line feed. CR and LF inside a "
         "value become spaces (in JSON they can only be white space); empty values are skipped and "
         "counted. `envelope`: one JSON object a line for every record, with the fields of "
         "batch.envelope_fields. A value that is exactly one JSON value stands in it as it was sent, and "
         "a tombstone is `null`. Every other value is `\"value_base64\": \"...\"` in its place. A key is "
         "a string, or `key_base64` where it is not UTF-8, and so are the keys and values of `headers`, "
         "a list of objects in the order of the record. `timestamp` is in milliseconds since 1970, and "
         "`timestamp_type` is `CreateTime` or `LogAppendTime`. `capture-avro`: Avro files that readers of "
         "Event Hubs Capture take, with every record, its key and its headers, and a file per partition. "
         "[README.md](../README.md#coming-from-event-hubs-capture) tells what differs from Capture. "
         "`parquet`: a table with a row for every record, and with batch.schema a column for each field of "
         "the "
         "value. [README.md](../README.md#parquet) has its columns.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.format); }},
    {.path = "batch.empty_files",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "false",
     .choices = k_empty_files,
     .help =
         "`true`: a partition that was silent for batch.max_age gets a file without records, of 508 bytes, "
         "as Event Hubs Capture writes it. Needs format: capture-avro. It is one request to the storage "
         "per partition and max_age. No delivery depends on these files: one that the storage does not "
         "take within the next max_age is left out.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.empty_files); }},
    {.path = "batch.envelope_fields",
     .kind = Kind::list,
     .since = "0.1",
     .fallback = "topic,partition,offset,timestamp,timestamp_type,key,headers,value",
     .allowed = "a list of topic, partition, offset, timestamp, timestamp_type, key, headers and value",
     .help = "What a line of `format: envelope` tells of its record. The order in a line is always the one "
             "above. Without `headers` nothing is spent on them.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_envelope_fields(node, s.batch.envelope_fields); }},
    {.path = "batch.decode",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_decode,
     .help =
         "What values are, where batch.schema tells it. `avro`: Avro's binary encoding. With `format: "
         "envelope` the `value` is its JSON. Names are those of the schema, unions are written without the "
         "name of their branch, `bytes` and `fixed` in base64. Logical types are exact text: decimals with "
         "all their digits, dates and times as ISO 8601 has them. A value that is not of the schema is not "
         "lost: it lands as `value_base64`, with the reason in `decode_error`, and counts in "
         "penstock_undecoded_values_total. With `format: capture-avro` that JSON is the Body, and the reason "
         "is among the SystemProperties. With `format: parquet` each field of the schema is a column. "
         "`json`: JSON, whose members become columns; needs format: parquet. What does not fit a column, "
         "and members that the schema does not have, are JSON in the column `_rescued`. So is a value that "
         "is not of the schema. `penstock schema` shows the columns. With `schema: registry` both words are "
         "the same, with each of these formats: the registry tells of each schema whether it is of Avro or "
         "a JSON Schema.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.decode); }},
    {.path = "batch.schema",
     .kind = Kind::text,
     .since = "0.1",
     .fallback_note = "none, it is required with decode: avro and json",
     .allowed = "registry, or an Avro schema; with decode: json a JSON Schema or an Avro schema",
     .help =
         "The schema that the producers write with, `\"${file:/etc/penstock/orders.avsc}\"` for one in a "
         "file, which is read at the start. It must be the very schema of the values: Avro's bytes do not "
         "say by which they were written, and one with other fields makes nonsense of them, or "
         "`decode_error`. Topics with other schemas have theirs under overrides. `registry`: each "
         "value has the id of its schema, of Avro or a JSON Schema, which the registry of `registry` knows. "
         "So values of several versions of a schema may lie in one topic, and each is read by its own. With "
         "`format: parquet` the "
         "columns grow with the versions, which share their files. A field that does not fit its column "
         "since a schema changed is in `_rescued`, and counts in penstock_schema_conflicts_total. Of "
         "`decode: json` it is a JSON Schema of any draft, or an Avro schema, and says only which columns "
         "there are.",
     .parse = [](const Key&, const Node& node, Settings& s) { return read_schema(node, s.batch); }},
    {.path = "batch.columns",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "fields",
     .choices = k_columns,
     .help =
         "With `format: parquet` and `schema: registry`: what the columns are. `fields`: the fields of the "
         "values. Records of several types then share columns of one name. `records`: for a topic with "
         "several types of records. Each type is one column, which is called as the record is, without "
         "its namespace, or as the title of its JSON Schema, and has the fields in it. It is null in the "
         "rows of other types. A new field of a record ends an open file that has the record, once for each "
         "such change.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.columns); }},
    {.path = "batch.framing",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_framing,
     .help = "What stands before the Avro or JSON in a value. `none`: nothing. `confluent`: a zero byte and "
             "the four bytes of an id, as serializers for Confluent's registry write it, unless the header "
             "`__value_schema_id` has the id. `azure`: nothing where the header `content-type` is "
             "`avro/binary+` and an id, or one of its forms for JSON, or the header `schemaId` is an id, and "
             "else the four zero bytes and 32 hexadecimal digits of Azure's serializers of 2021. `apicurio`: "
             "nothing, and an id in the header `apicurio.value.globalId` or "
             "`apicurio.value.contentId`. With one batch.schema the id is passed over. With `schema: "
             "registry` it is what the schema is found by, and the framing is that of registry.type. A value "
             "without an id lands with `decode_error`, or in `_rescued`.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.framing); }},
    {.path = "batch.compression",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_compression,
     .help =
         "How files are compressed. `none` ends their names with .txt, `gzip` with .txt.gz, `zstd` "
         "with .txt.zst. Envelopes are called .json, .json.gz and .json.zst. A compressed file cannot be "
         "split by its readers, so keep it below 256MiB. Files of capture-avro are called .avro, and have "
         "`none`, which is what Capture has, or `deflate`, the codec of Avro that all its readers know. They "
         "can be split. So can files of `parquet`, which are called .parquet. Their pages are compressed "
         "with "
         "`zstd`, unless `snappy` or `none` is written.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.compression); }},
    {.path = "batch.validate",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "none",
     .choices = k_validate,
     .help =
         "Which records go into their topic's file. `none`: all. `json`: those whose value is exactly one "
         "JSON value (RFC 8259, at most 512 levels deep), and those without a value. Every other record "
         "goes into a quarantine file beside its file, `_quarantine/<name of the file>.json`, as an envelope "
         "with its coordinates and the reason `not-json`. Readers skip that directory. What is in it is "
         "counted, and part of what `penstock verify` accounts for.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.validate); }},
    {.path = "batch.max_record_bytes",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "none",
     .limits = {1, 1 * k_gib},
     .word = "none",
     .help = "A record whose value has more bytes than this goes into the quarantine, with the reason "
             "`too-large`, and not into its topic's file. Its line has to fit into the memory of a worker "
             "all the "
             "same. `none`: any value that fits.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.batch.max_record_bytes); }},
    {.path = "batch.path",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "{topic}/{yyyy}/{MM}/{dd}/{HH}/{topic}-{yyyy}{MM}{dd}T{HH}{mm}{ss}Z",
     .allowed = "a template of {namespace} {topic} {partition} {yyyy} {MM} {dd} {HH} {mm} {ss}",
     .help =
         "The name of a file below sink.url. Times are UTC, of the moment that batch.clock says. "
         "What tells the writer apart, a counter and the extension follow the name, so that no two "
         "names are equal. `{partition}` is allowed only with group_by: partition. `{namespace}` is the "
         "first "
         "part of the first broker's host: `contoso` of contoso.servicebus.windows.net. With `format: "
         "capture-avro` the default is that of Capture, "
         "`{namespace}/{topic}/{partition}/{yyyy}/{MM}/{dd}/{HH}/{mm}/{ss}`. Write the "
         "template in quotes. No part of a name between two '/' may begin with '_' or '.', which readers "
         "skip, or end with '.', which Azure drops: a topic that is called so needs a path of its own, "
         "under overrides. A name has at most 900 bytes and 61 parts with the prefix of sink.url, and in a "
         "directory a part has at most 255 bytes, the last 249. No field of a record can be in it: penstock "
         "lands the raw stream, and what divides it by content reads its files.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.batch.path, check_path_template); }},
    {.path = "batch.clock",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "wall",
     .choices = k_clock,
     .help =
         "Whose time `{yyyy}` to `{ss}` in batch.path are. `wall`: when the file was opened. `record`: that "
         "of the first record in the file, as Kafka has it. After an outage files then lie in the hours "
         "of their records. A file still holds whatever was read while it was open: around the end of an "
         "hour it has records of both hours, and with `CreateTime` producers may send old ones. A time "
         "before the year 2000 or in the future counts as now. With `record`, what was staged is not used "
         "again after a restart: it is read from Kafka once more.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.batch.clock); }},

    {.path = "overrides",
     .kind = Kind::overrides,
     .since = "0.1",
     .allowed = "a list of {match: <regular expression>, batch: {...}}",
     .help = "Other batch settings for some topics. `match` is a POSIX extended regular expression that "
             "is looked for anywhere in a topic's name; `^` and `$` bind it to the ends. The first entry "
             "that matches applies. Its `batch` may hold any key of batch; for the others the general "
             "settings hold."},
};

constexpr Key k_process_keys[] = {
    {.path = "stage.dir",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "/var/lib/penstock",
     .allowed = "an absolute path",
     .help = "Where batches are kept on disk until they are published. Where it is not written and systemd "
             "gives the unit a directory (StateDirectory= sets STATE_DIRECTORY), the stage is in that one. "
             "It should be local NVMe or SSD, "
             "with ext4 or XFS. A directory of the deployment's name is made in it, with mode 0750, and its "
             "files with 0640. It must not lie in a directory that is the sink. What is in it after a "
             "restart is used again where it is what would be read next: of the same topic id, and "
             "otherwise of the same names and positions. Where the brokers have no topic ids (Event Hubs), "
             "empty the directory before you go to another cluster with the same names and positions.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_checked(node, s.stage.dir, check_directory); }},
    {.path = "stage.max_bytes",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "20GiB",
     .limits = {2 * k_segment_bytes, 1024 * k_tib},
     .help = "How much of the disk the stage may take, all workers together. When it is full no more "
             "records are read, and Kafka keeps them. At 3.5 MB/s the default lasts through an outage of "
             "an hour and a half. Each worker needs at least 128MiB, and four blocks.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.stage.max_bytes); }},

    {.path = "runtime.workers",
     .kind = Kind::count,
     .since = "0.1",
     .fallback = "auto",
     .limits = {1, 256},
     .word = "auto",
     .help =
         "Threads that read and write. Each has its own consumer, ring and memory. `auto` takes one "
         "per 8 partitions of the topic that has most, but no more than the CPUs that are allowed, and no "
         "more than runtime.memory and stage.max_bytes have room for; at least 1. So many thin topics do "
         "not each become a file of every worker. One is enough for 1 GB/s.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_count(key, node, s.runtime.workers); }},
    {.path = "runtime.memory",
     .kind = Kind::size,
     .since = "0.1",
     .fallback = "192MiB",
     .limits = {64 * k_mib, 1 * k_tib},
     .help = "All the memory that the process may take: 24MiB for itself, and for each worker 28MiB for "
             "the Kafka client, 8MiB for files that wait for the storage, and 1MiB per connection. What is "
             "left becomes slabs, which hold the records. A worker needs slabs for two blocks and a little "
             "more. The slabs are taken at the start and stay as they are. More than the machine has, or "
             "the limit of a cgroup (a container's, MemoryMax=), is refused. Of the files that wait, memory "
             "holds names and positions, and the stage their bytes: 8MiB are 3,800 files of one partition, "
             "or 320 of 150. When that many wait in a worker no more records are read, and Kafka keeps "
             "them.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_size(key, node, s.runtime.memory); }},
    {.path = "runtime.io",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "best",
     .choices = k_io,
     .help = "How files are written and connections served. `best` takes io_uring where the kernel "
             "grants it, and threads elsewhere. `io_uring` refuses to start without it. `portable` takes "
             "threads.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.runtime.io); }},

    {.path = "guarantee",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "exactly_once",
     .choices = k_guarantee,
     .help = "`exactly_once`: every record is in exactly one file, whatever crashes. A file is claimed "
             "in the group's offsets before it is published. This needs source.fetch: direct, and a "
             "broker that returns the metadata of offsets (`penstock check` tries it). `at_least_once`: "
             "after a crash the last files may be written a second time under other names.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.guarantee); }},

    {.path = "admin.listen",
     .kind = Kind::text,
     .since = "0.1",
     .fallback = "127.0.0.1:9464",
     .allowed = "address:port, or none",
     .help =
         "Where metrics, health and the status page are served. Who listens where others can reach it, as "
         "0.0.0.0:9464 in a pod, needs admin.token as well. Port 0 takes any free one. `none` listens "
         "nowhere.",
     .parse =
         [](const Key&, const Node& node, Settings& s) {
           std::string text;
           return read_checked(node, text, [&](const std::string& v) { return read_listen(v, s.admin); });
         }},
    {.path = "admin.token",
     .kind = Kind::secret,
     .since = "0.1",
     .fallback_note = "none; it is required where admin.listen is not loopback",
     .allowed = "16 to 256 letters, digits and signs without spaces",
     .help =
         "Who asks for metrics or status must show it: a scraper as `Authorization: Bearer <token>`, a "
         "person's browser as the password, with any user name. `penstock status`, `top` and `health` take "
         "it from this key. `openssl rand -hex 32` makes one. It goes over the network in clear: where "
         "others can listen there, put a proxy with TLS in front.",
     .parse = [](const Key&, const Node& node,
                 Settings& s) { return read_admin_token(node, s.admin.token); }},
    {.path = "admin.open_probes",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "true",
     .choices = k_open_probes,
     .help = "Whether /healthz and /readyz are answered without admin.token: an orchestrator's probes have "
             "none. /readyz names topics and hosts where something is in the way. `false` asks there, too.",
     .parse =
         [](const Key& key, const Node& node, Settings& s) {
           int open = 1;
           Complaint complaint = read_choice(key, node, open);
           s.admin.open_probes = complaint.empty() ? open == 1 : s.admin.open_probes;
           return complaint;
         }},

    {.path = "log.level",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "info",
     .choices = k_log_level,
     .help = "Lines that are less important than this are not written. `trace` is the same as `debug`.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.log.level); }},
    {.path = "log.format",
     .kind = Kind::choice,
     .since = "0.1",
     .fallback = "text",
     .choices = k_log_format,
     .help = "`text` for people; `json` for collectors, an object per line.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_choice(key, node, s.log.format); }},

    // A rebalance waits for it, and librdkafka leaves the group after max.poll.interval.ms (5 minutes).
    {.path = "drain_timeout",
     .kind = Kind::duration,
     .since = "0.1",
     .fallback = "20s",
     .limits = {1 * k_s, 4 * k_m},
     .help =
         "How long a worker may go on publishing what it has read when partitions move to another "
         "worker. What is not published by then is read again. A stop publishes for 5 s longer, then gives "
         "up, says what is left, and exits 1. Leaving the group takes at most 5 s more. So a service "
         "manager must wait for longer than this time and 10 s.",
     .parse = [](const Key& key, const Node& node,
                 Settings& s) { return read_duration(key, node, s.drain_timeout); }},
};

}  // namespace

std::vector<Key> joined(std::initializer_list<std::span<const Key>> parts) {
  std::vector<Key> all;
  for (const std::span<const Key> part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::span<const Key> all_keys() {
  static const std::vector<Key> keys =
      joined({k_name_key, source_keys(), k_batch_keys, sink_keys(), registry_keys(), k_process_keys});
  return keys;
}

const Key* find_key(std::string_view path) {
  const std::span<const Key> keys = all_keys();
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.path == path; });
  return found == keys.end() ? nullptr : &*found;
}

bool is_section(std::string_view path) {
  const std::span<const Key> keys = all_keys();
  return std::any_of(keys.begin(), keys.end(), [&](const Key& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) && key.path[path.size()] == '.';
  });
}

}  // namespace penstock::config
