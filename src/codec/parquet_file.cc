// How it works. append_footer() writes what PARQUET.md shows under "Footer", structure by structure, with the
// field numbers of parquet.thrift. read_footer() reads the same fields, skips others, and then holds all of
// it against what we write: known types, chunks that follow each other from the first byte behind the magic
// on, and counts that agree. So whoever reads the pages may go through the file from front to back.
//
// A file may get columns while it is written. For example, two row groups of `id`, then `note` comes: the
// third has both, and behind it lie chunks of nulls for the `note` of the first two. Footer::order has the
// chunks as 0 id, 1 id, 2 id, 2 note, 0 note, 1 note.
#include "codec/parquet_file.h"

#include <algorithm>

#include "base/concat.h"
#include "codec/parquet_thrift.h"

namespace penstock::codec::parquet {
namespace {

constexpr std::int64_t k_version = 2;
constexpr std::string_view k_created_by = "penstock version 1";

Error not_ours(std::string_view why) {
  return make_error(ErrorKind::corrupt, Action::give_up, concat("the footer of the Parquet file ", why));
}

// Writing

void write_statistics(ThriftWriter& out, const Chunk& chunk) {
  out.begin(12);
  out.int64(3, static_cast<std::int64_t>(chunk.nulls));
  if (chunk.bounds) {
    out.binary(5, chunk.bounds->greatest);
    out.binary(6, chunk.bounds->least);
    out.boolean(7, chunk.bounds->greatest_is_exact);
    out.boolean(8, chunk.bounds->least_is_exact);
  }
  out.end();
}

void write_chunk(ThriftWriter& out, const Column& column, Codec codec, const Chunk& chunk,
                 const Footer::Indexes& at) {
  out.begin_element();
  out.int64(2, static_cast<std::int64_t>(chunk.first_byte()));
  out.begin(3);
  out.int32(1, static_cast<std::int64_t>(column.type));
  const bool has_dictionary = chunk.dictionary_offset.has_value();
  out.begin_list(2, ThriftType::int32, has_dictionary ? 3 : 2);
  if (has_dictionary) {
    out.element(static_cast<std::int64_t>(Encoding::plain));
  }
  out.element(static_cast<std::int64_t>(Encoding::rle));
  out.element(static_cast<std::int64_t>(encoding_of(column.type, has_dictionary)));
  out.begin_list(3, ThriftType::binary, column.groups.size() + 1);
  for (const Group& group : column.groups) {
    out.element(group.name);
  }
  out.element(column.name);
  out.int32(4, static_cast<std::int64_t>(codec));
  out.int64(5, static_cast<std::int64_t>(chunk.values));
  out.int64(6, static_cast<std::int64_t>(chunk.plain_bytes));
  out.int64(7, static_cast<std::int64_t>(chunk.stored_bytes));
  out.int64(9, static_cast<std::int64_t>(chunk.data_offset));
  if (has_dictionary) {
    out.int64(11, static_cast<std::int64_t>(*chunk.dictionary_offset));
  }
  write_statistics(out, chunk);
  out.end();
  out.int64(4, static_cast<std::int64_t>(at.offset_index));
  out.int32(5, at.offset_index_bytes);
  if (at.column_index_bytes > 0) {
    out.int64(6, static_cast<std::int64_t>(at.column_index));
    out.int32(7, at.column_index_bytes);
  }
  out.end();
}

void write_group(ThriftWriter& out, const Schema& schema, Codec codec, const RowGroup& group,
                 std::size_t ordinal, const Footer::Indexes* at) {
  std::uint64_t plain_bytes = 0;
  std::uint64_t stored_bytes = 0;
  out.begin_element();
  out.begin_list(1, ThriftType::structure, group.chunks.size());
  for (std::size_t i = 0; i < group.chunks.size(); ++i) {
    write_chunk(out, schema[i], codec, group.chunks[i], at[i]);
    plain_bytes += group.chunks[i].plain_bytes;
    stored_bytes += group.chunks[i].stored_bytes;
  }
  out.int64(2, static_cast<std::int64_t>(plain_bytes));
  out.int64(3, static_cast<std::int64_t>(group.rows));
  out.int64(5, static_cast<std::int64_t>(group.chunks.front().first_byte()));
  out.int64(6, static_cast<std::int64_t>(stored_bytes));
  if (ordinal <= std::size_t{INT16_MAX}) {
    out.int16(7, static_cast<std::int64_t>(ordinal));
  }
  out.end();
}

std::vector<Footer::Indexes> append_indexes(Buffer& to, std::uint64_t at,
                                            const std::vector<RowGroup>& groups) {
  const std::size_t begin = to.size();
  std::vector<Footer::Indexes> places;
  for (const RowGroup& group : groups) {
    for (const Chunk& chunk : group.chunks) {
      places.push_back({.column_index = at + to.size() - begin,
                        .column_index_bytes = static_cast<std::uint32_t>(chunk.column_index.size())});
      to.insert(to.end(), chunk.column_index.begin(), chunk.column_index.end());
    }
  }
  std::size_t i = 0;
  for (const RowGroup& group : groups) {
    for (const Chunk& chunk : group.chunks) {
      places[i].offset_index = at + to.size() - begin;
      places[i].offset_index_bytes = static_cast<std::uint32_t>(chunk.offset_index.size());
      to.insert(to.end(), chunk.offset_index.begin(), chunk.offset_index.end());
      ++i;
    }
  }
  return places;
}

// Reading

std::uint64_t read_count(ThriftReader& in, const ThriftReader::Field& field) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(in.integer(field), 0));
}

void read_statistics(ThriftReader& in, Chunk& chunk) {
  Bounds bounds;
  bool has_bounds = false;
  while (const auto field = in.next()) {
    switch (field->id) {
      case 3:
        chunk.nulls = read_count(in, *field);
        break;
      case 5:
        bounds.greatest = in.binary(*field);
        has_bounds = true;
        break;
      case 6:
        bounds.least = in.binary(*field);
        break;
      case 7:
        bounds.greatest_is_exact = in.boolean(*field);
        break;
      case 8:
        bounds.least_is_exact = in.boolean(*field);
        break;
      default:
        in.skip(*field);
    }
  }
  if (has_bounds) {
    chunk.bounds = std::move(bounds);
  }
}

struct ReadChunk {
  Chunk chunk;
  Footer::Indexes indexes;
  std::int64_t codec = -1;
};

void read_chunk_metadata(ThriftReader& in, ReadChunk& read) {
  while (const auto field = in.next()) {
    switch (field->id) {
      case 4:
        read.codec = in.integer(*field);
        break;
      case 5:
        read.chunk.values = read_count(in, *field);
        break;
      case 6:
        read.chunk.plain_bytes = read_count(in, *field);
        break;
      case 7:
        read.chunk.stored_bytes = read_count(in, *field);
        break;
      case 9:
        read.chunk.data_offset = read_count(in, *field);
        break;
      case 11:
        read.chunk.dictionary_offset = read_count(in, *field);
        break;
      case 12:
        in.enter(*field);
        read_statistics(in, read.chunk);
        break;
      default:
        in.skip(*field);
    }
  }
}

ReadChunk read_chunk(ThriftReader& in) {
  ReadChunk read;
  while (const auto field = in.next()) {
    switch (field->id) {
      case 3:
        in.enter(*field);
        read_chunk_metadata(in, read);
        break;
      case 4:
        read.indexes.offset_index = read_count(in, *field);
        break;
      case 5:
        read.indexes.offset_index_bytes = static_cast<std::uint32_t>(read_count(in, *field));
        break;
      case 6:
        read.indexes.column_index = read_count(in, *field);
        break;
      case 7:
        read.indexes.column_index_bytes = static_cast<std::uint32_t>(read_count(in, *field));
        break;
      default:
        in.skip(*field);
    }
  }
  return read;
}

// The file's codec is that of the first chunk; all others must agree.
bool agrees(Footer& footer, const ReadChunk& read, bool is_first) {
  if (read.codec != 0 && read.codec != 1 && read.codec != 6) {
    return false;
  }
  if (is_first) {
    footer.codec = static_cast<Codec>(read.codec);
  }
  return footer.codec == static_cast<Codec>(read.codec);
}

bool read_group(ThriftReader& in, Footer& footer) {
  RowGroup group;
  while (const auto field = in.next()) {
    if (field->id == 1) {
      const ThriftReader::List list = in.list(*field);
      for (std::size_t i = 0; i < list.count; ++i) {
        in.enter(list.element);
        ReadChunk read = read_chunk(in);
        if (in.failed() || !agrees(footer, read, footer.indexes.empty())) {
          return false;
        }
        footer.indexes.push_back(read.indexes);
        group.chunks.push_back(std::move(read.chunk));
      }
    } else if (field->id == 3) {
      group.rows = read_count(in, *field);
    } else {
      in.skip(*field);
    }
  }
  if (group.chunks.size() != footer.schema.size()) {
    return false;
  }
  for (Chunk& chunk : group.chunks) {
    chunk.rows = group.rows;
  }
  footer.groups.push_back(std::move(group));
  return true;
}

bool read_groups(ThriftReader& in, const ThriftReader::Field& field, Footer& footer) {
  const ThriftReader::List list = in.list(field);
  for (std::size_t i = 0; i < list.count; ++i) {
    in.enter(list.element);
    if (in.failed() || !read_group(in, footer)) {
      return false;
    }
  }
  return true;
}

void read_told(ThriftReader& in, const ThriftReader::Field& field, Footer& footer) {
  const ThriftReader::List list = in.list(field);
  for (std::size_t i = 0; i < list.count && !in.failed(); ++i) {
    auto& [key, value] = footer.told.emplace_back();
    in.enter(list.element);
    while (const auto inner = in.next()) {
      if (inner->id == 1) {
        key = in.binary(*inner);
      } else if (inner->id == 2) {
        value = in.binary(*inner);
      } else {
        in.skip(*inner);
      }
    }
  }
}

// Whether the counts of a chunk of the column agree with each other.
bool is_coherent(const Column& column, const RowGroup& group, const Chunk& chunk) {
  const bool repeats = column.repetition_max() > 0;
  const bool order = !chunk.dictionary_offset || *chunk.dictionary_offset < chunk.data_offset;
  return order && chunk.data_offset - chunk.first_byte() <= chunk.stored_bytes &&
         chunk.values >= group.rows && (chunk.values == group.rows || repeats) && chunk.nulls <= chunk.values;
}

// Of a column that the file did not have yet when the row group was written.
bool is_only_nulls(const RowGroup& group, const Chunk& chunk) {
  return chunk.nulls == chunk.values && chunk.values == group.rows && !chunk.dictionary_offset;
}

// Whether the chunks follow each other from the magic on, and their counts agree. Fills in order and
// pages_end. A row group begins with the first column: by that readers on the JVM find it.
bool is_coherent(Footer& footer) {
  std::uint64_t rows = 0;
  std::uint64_t at = footer.pages_begin;
  std::vector<Footer::Place> late;
  for (std::uint32_t g = 0; g < footer.groups.size(); ++g) {
    const RowGroup& group = footer.groups[g];
    rows += group.rows;
    for (std::uint32_t i = 0; i < group.chunks.size(); ++i) {
      const Chunk& chunk = group.chunks[i];
      if (!is_coherent(footer.schema[i], group, chunk)) {
        return false;
      }
      if (chunk.first_byte() != at && i > 0 && is_only_nulls(group, chunk)) {
        late.push_back({.group = g, .column = i});
        continue;
      }
      if (chunk.first_byte() != at || chunk.stored_bytes > footer.begins - at) {
        return false;
      }
      footer.order.push_back({.group = g, .column = i});
      at += chunk.stored_bytes;
    }
  }
  for (const Footer::Place& place : late) {
    const Chunk& chunk = footer.groups[place.group].chunks[place.column];
    if (chunk.first_byte() != at || chunk.stored_bytes > footer.begins - at) {
      return false;
    }
    footer.order.push_back(place);
    at += chunk.stored_bytes;
  }
  footer.pages_end = at;
  return rows == footer.rows;
}

}  // namespace

std::size_t RowGroup::footer_bytes() const {
  constexpr std::size_t k_index_bytes = 64;  // where the indexes lie, as they are written
  std::size_t bytes = sizeof(RowGroup);
  for (const Chunk& chunk : chunks) {
    bytes += sizeof(Chunk) + k_index_bytes + chunk.offset_index.capacity() + chunk.column_index.capacity();
    bytes += chunk.bounds ? chunk.bounds->least.capacity() + chunk.bounds->greatest.capacity() : 0;
  }
  return bytes;
}

void append_footer(Buffer& to, std::uint64_t at, const Schema& schema, Codec codec,
                   const std::vector<RowGroup>& groups, const Metadata& told) {
  const std::vector<Footer::Indexes> places = append_indexes(to, at, groups);
  const std::size_t begin = to.size();
  std::uint64_t rows = 0;
  for (const RowGroup& group : groups) {
    rows += group.rows;
  }
  ThriftWriter out(to);
  out.int32(1, k_version);
  write_schema(out, schema);
  out.int64(3, static_cast<std::int64_t>(rows));
  out.begin_list(4, ThriftType::structure, groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    write_group(out, schema, codec, groups[i], i, places.data() + i * schema.size());
  }
  out.begin_list(5, ThriftType::structure, told.size());
  for (const auto& [key, value] : told) {
    out.begin_element();
    out.binary(1, key);
    out.binary(2, value);
    out.end();
  }
  out.binary(6, k_created_by);
  out.begin_list(7, ThriftType::structure, schema.size());
  for (std::size_t i = 0; i < schema.size(); ++i) {  // ColumnOrder: as the type has it
    out.begin_element();
    out.begin(1);
    out.end();
    out.end();
  }
  out.end();
  append_uint32(to, static_cast<std::uint32_t>(to.size() - begin));
  const Bytes magic = as_bytes(k_magic);
  to.insert(to.end(), magic.begin(), magic.end());
}

Result<std::uint64_t> footer_bytes(Bytes tail, std::uint64_t file_bytes) {
  if (tail.size() != k_tail_bytes || as_text(tail.last(k_magic.size())) != k_magic) {
    return not_ours("is not there: the file does not end with PAR1");
  }
  const std::uint64_t bytes = std::uint64_t{read_uint32(tail.data())} + k_tail_bytes;
  if (bytes + k_magic.size() > file_bytes) {
    return not_ours("is longer than the file");
  }
  return bytes;
}

Result<Footer> read_footer(Bytes end, std::uint64_t file_bytes) {
  ThriftReader in(end.first(end.size() - k_tail_bytes));
  Footer footer;
  footer.begins = file_bytes - end.size();
  footer.pages_begin = k_magic.size();
  bool is_known = true;
  while (const auto field = in.next()) {
    switch (field->id) {
      case 2:
        is_known = is_known && read_schema(in, *field, footer.schema);
        break;
      case 3:
        footer.rows = read_count(in, *field);
        break;
      case 4:
        is_known = is_known && read_groups(in, *field, footer);
        break;
      case 5:
        read_told(in, *field, footer);
        break;
      default:
        in.skip(*field);
    }
    if (!is_known) {
      return not_ours("tells of columns that penstock does not write");
    }
  }
  if (in.failed() || in.position() != end.size() - k_tail_bytes || footer.schema.empty()) {
    return not_ours("is damaged");
  }
  if (!is_coherent(footer)) {
    return not_ours("contradicts itself");
  }
  return footer;
}

}  // namespace penstock::codec::parquet
