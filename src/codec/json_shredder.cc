// How it works
//
// The value becomes tokens (json_tokens.h), and one walk goes over them. It is given a field with its column
// (json_steps.h) for each value. A member of an object is looked for where the last one's neighbour is, as
// members mostly come in the same order, and by its name if that is not it.
//
// A value that does not fit is a *misfit*: the walk goes back to its first token, takes back its cells, and
// rescues its text. For example, the table `id INT64, order RECORD<qty INT64>` and the value
// {"id":7,"order":{"qty":"x"},"new":1}:
//
// 1. `id` is 7: a cell of leaf 0, definition 1.
// 2. `order` is an object, and `"order":` is put on the path. Its member `qty` is no number, and so a misfit:
//    a cell of leaf 1, definition 1, as `order` is there. Rescued is the path and the member:
//    `{"order":{"qty":"x"`. With the end of `order` its brace is closed.
// 3. `new` is not in the table: `{"order":{"qty":"x"},"new":1`. The end of the value closes the last brace.
//
// Within a list or map nothing can be rescued by itself, so a misfit there makes one of what lies around it,
// up to the outermost list or map. A member that is not in the table leaves a mark there (`strangers_`).
#include "codec/json_shredder.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/trimmed.h"
#include "codec/decimal.h"
#include "codec/iso_time.h"
#include "codec/json_grammar.h"
#include "codec/json_steps.h"
#include "codec/json_tokens.h"
#include "codec/row_cells.h"
#include "codec/shred_room.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

// Of a number of JSON without a fraction. None: it has one, or does not fit.
std::optional<std::int64_t> integer_of(std::string_view number) {
  std::int64_t value = 0;
  const char* const end = number.data() + number.size();
  const auto read = std::from_chars(number.data(), end, value);
  if (read.ec == std::errc{} && read.ptr == end) {
    return value;
  }
  constexpr std::uint32_t k_digits_of_long = 19;
  const std::optional<DecimalBytes> decimal = decimal_of_text(number, k_digits_of_long, 0);
  if (!decimal) {
    return std::nullopt;
  }
  // The lower half is the number if the upper half only repeats its sign.
  std::uint64_t halves[2] = {0, 0};
  for (std::size_t i = 0; i < decimal->size(); ++i) {
    halves[i / 8] = halves[i / 8] << 8 | std::to_integer<std::uint64_t>((*decimal)[i]);
  }
  value = static_cast<std::int64_t>(halves[1]);
  return halves[0] == (value < 0 ? ~std::uint64_t{0} : 0) ? std::optional(value) : std::nullopt;
}

// The nearest. None: it is larger than any.
template <class Real>
std::optional<double> real_of(std::string_view number) {
  Real real{};
  const auto read = std::from_chars(number.data(), number.data() + number.size(), real);
  return read.ec == std::errc{} ? std::optional(double{real}) : std::nullopt;
}

bool is_number(std::string_view text) {
  return !text.empty() && json_number_bytes(text) == text.size();
}

std::optional<std::int64_t> time_of(FieldType type, std::string_view text) {
  if (type == FieldType::date) {
    return days_of(text);
  }
  const bool is_local =
      type == FieldType::local_timestamp_millis || type == FieldType::local_timestamp_micros;
  const std::optional<std::int64_t> micros = micros_of(text, is_local ? Zone::none : Zone::required);
  if (!micros || type == FieldType::timestamp_micros || type == FieldType::local_timestamp_micros) {
    return micros;
  }
  return *micros % 1000 == 0 ? std::optional(*micros / 1000) : std::nullopt;
}

class JsonShredder : public Shredder {
 public:
  JsonShredder(const Table& written, std::shared_ptr<const Table> table, std::string_view record,
               std::shared_ptr<ShredRoom> room)
      : table_(std::move(table)),
        steps_(json_steps(written, *table_, record)),
        room_(room ? std::move(room) : std::make_shared<ShredRoom>()),
        tokens_(room_->tokens),
        cells_(room_->cells) {}

  const Table& table() const override { return *table_; }
  bool was_undecoded() const override { return undecoded_; }
  bool was_in_conflict() const override { return !conflicts_.empty(); }

  const Row& shred(Bytes value) override {
    cells_.clear();
    path_.clear();
    opened_ = 0;
    depth_ = 0;
    strangers_ = false;
    conflict_ = false;
    conflicts_.clear();
    rescues_reason_ = false;
    undecoded_ =
        !tokens_.read(value) || take_record(steps_.root, 0, false) != Taken::fits || !tokens_.at_end();
    if (undecoded_) {
      refuse(value);
      return cells_.row();
    }
    if (!conflicts_.empty() && !rescues_reason_) {
      append_conflicts(cells_.rescued(), conflicts_);
    }
    if (!cells_.rescued().empty()) {
      cells_.rescued() += '}';
    }
    return cells_.row();
  }

 private:
  enum class Taken : std::uint8_t {
    fits,
    misfit,  // the tokens and cells are to be taken back
    fault,   // it is no JSON
  };

  static Taken fits_if(bool good) { return good ? Taken::fits : Taken::fault; }

  // What is rescued

  void refuse(Bytes value) {
    cells_.clear();
    conflicts_.clear();
    for (const CellPlace& place : steps_.places) {
      cells_.add_missing(place, 0);
    }
    std::string& rescued = cells_.rescued();
    if (!follows_json_grammar(as_text(value))) {
      append_rescued_whole(rescued, value, "is not JSON");
      return;
    }
    const bool is_object = trimmed(as_text(value)).starts_with('{');
    rescued.append("{\"_value\":").append(as_text(value));
    rescued +=
        is_object ? ",\"_reason\":\"is larger than can be taken apart\"}" : ",\"_reason\":\"is no object\"}";
  }

  // Puts a name behind an open brace or a member.
  void rescue_name(std::string_view raw) {
    std::string& rescued = cells_.rescued();
    if (rescued.empty()) {
      rescued += '{';
    } else if (rescued.back() != '{') {
      rescued += ',';
    }
    rescued.append(1, '"').append(raw).append("\":");
  }

  void rescue(std::string_view raw_name, std::string_view value) {
    for (; opened_ < path_.size(); ++opened_) {
      rescue_name(path_[opened_]);
      cells_.rescued() += '{';
    }
    rescue_name(raw_name);
    cells_.rescued() += value;
    rescues_reason_ = rescues_reason_ || (path_.empty() && raw_name == k_reason_member);
  }

  void leave_record() {
    if (opened_ == path_.size()) {
      cells_.rescued() += '}';
      --opened_;
    }
    path_.pop_back();
  }

  // Objects

  Taken take_record(JsonStep& step, std::uint8_t repetition, bool in_items) {
    if (!tokens_.take('{')) {
      return Taken::misfit;
    }
    ++depth_;
    const std::uint64_t number = ++objects_;
    std::size_t fields = 0;
    step.guess = 0;
    if (!tokens_.take('}')) {
      do {
        if (const Taken taken = take_member(step, repetition, in_items, number, fields);
            taken != Taken::fits) {
          return taken;
        }
      } while (tokens_.take(','));
      if (!tokens_.take('}')) {
        return Taken::fault;
      }
    }
    --depth_;
    for (std::size_t i = 0; fields < step.inner.size(); ++i) {
      if (step.inner[i].seen != number) {
        cells_.add_missing(step.inner[i].place, repetition);
        ++fields;
      }
    }
    for (const CellPlace& place : step.absent) {
      cells_.add_missing(place, repetition);
    }
    return Taken::fits;
  }

  // Takes the name of the field that may come next. Null: another name comes.
  JsonStep* guessed_field(JsonStep& record) {
    if (record.guess == record.inner.size()) {
      return nullptr;
    }
    JsonStep& field = record.inner[record.guess];
    if (field.quoted.empty() || !tokens_.take_name(field.quoted)) {
      return nullptr;
    }
    ++record.guess;
    return &field;
  }

  // `fields` counts those of the record that have cells.
  Taken take_member(JsonStep& record, std::uint8_t repetition, bool in_items, std::uint64_t object,
                    std::size_t& fields) {
    std::string_view raw_name;
    JsonStep* field = guessed_field(record);
    if (field != nullptr) {
      raw_name = field->name;
    } else {
      JsonTokens::String name;
      if (!tokens_.take_string(name) || !tokens_.take(':')) {
        return Taken::fault;
      }
      raw_name = name.raw;
      field = find_field(record, name.escaped ? unescaped(name.raw, cells_.arena()) : name.raw);
    }
    const std::size_t begins = tokens_.at();
    const std::size_t before = cells_.size();
    if (field == nullptr || field->seen == object) {
      if (!tokens_.take_value(depth_)) {
        return Taken::fault;
      }
      if (in_items) {
        strangers_ = true;
      } else {
        rescue(raw_name, tokens_.text_since(begins));
      }
      return Taken::fits;
    }
    field->seen = object;
    ++fields;
    if (in_items) {
      return take_value(*field, repetition, true);
    }
    const bool is_record = field->type == FieldType::record;
    if (is_record) {
      path_.push_back(raw_name);
    }
    const std::size_t depth = depth_;
    const Taken taken = take_value(*field, repetition, false);
    if (taken == Taken::fault) {
      return taken;
    }
    if (is_record) {
      leave_record();
    }
    if (taken == Taken::misfit) {
      depth_ = depth;
      tokens_.back_to(begins);
      cells_.cut(before);
      cells_.add_missing(field->place, repetition);
      if (!tokens_.take_value(depth_)) {
        return Taken::fault;
      }
    }
    if (taken == Taken::misfit || strangers_) {
      rescue(raw_name, tokens_.text_since(begins));
    }
    strangers_ = false;
    if (conflict_ && path_.empty()) {
      conflicts_.append(conflicts_.empty() ? "" : ", ").append(raw_name);
      conflict_ = false;
    }
    return Taken::fits;
  }

  // Values

  // Of a value that a column of the schema's own would take.
  Taken conflict() {
    conflict_ = true;
    return Taken::misfit;
  }

  Taken take_value(JsonStep& step, std::uint8_t repetition, bool in_items) {
    if (tokens_.next() == 'n') {
      cells_.add_missing(step.place, repetition);
      return fits_if(tokens_.take_word("null"));
    }
    if (step.has_conflict) {
      return conflict();
    }
    switch (step.type) {
      case FieldType::record:
        return take_record(step, repetition, in_items);
      case FieldType::list:
        return take_list(step, repetition);
      case FieldType::map:
        return take_map(step, repetition);
      case FieldType::json: {
        const std::size_t begins = tokens_.at();
        if (!tokens_.take_value(depth_)) {
          return Taken::fault;
        }
        cells_.add_text(step.place, repetition, tokens_.text_since(begins));
        return Taken::fits;
      }
      case FieldType::boolean: {
        const char first = tokens_.next();
        if (first != 't' && first != 'f') {
          return Taken::misfit;
        }
        cells_.add_number(step.place, repetition, first == 't' ? 1 : 0);
        return fits_if(first == 't' ? tokens_.take_word("true") : tokens_.take_word("false"));
      }
      default:
        return tokens_.next() == '"' ? take_string(step, repetition) : take_number(step, repetition);
    }
  }

  Taken take_list(JsonStep& step, std::uint8_t repetition) {
    if (!tokens_.take('[')) {
      return Taken::misfit;
    }
    if (tokens_.take(']')) {
      cells_.add_nothing(step.place, repetition, step.place.definition);
      return Taken::fits;
    }
    ++depth_;
    do {
      const Taken taken = cells_.is_full() ? Taken::misfit : take_value(step.inner[0], repetition, true);
      if (taken != Taken::fits) {
        return taken;
      }
      repetition = step.place.repetition;
    } while (tokens_.take(','));
    --depth_;
    return fits_if(tokens_.take(']'));
  }

  Taken take_map(JsonStep& step, std::uint8_t repetition) {
    if (!tokens_.take('{')) {
      return Taken::misfit;
    }
    if (tokens_.take('}')) {
      cells_.add_nothing(step.place, repetition, step.place.definition);
      return Taken::fits;
    }
    ++depth_;
    do {
      JsonTokens::String key;
      if (!tokens_.take_string(key) || !tokens_.take(':')) {
        return Taken::fault;
      }
      cells_.add_text(step.inner[0].place, repetition,
                      key.escaped ? unescaped(key.raw, cells_.arena()) : key.raw);
      const Taken taken = cells_.is_full() ? Taken::misfit : take_value(step.inner[1], repetition, true);
      if (taken != Taken::fits) {
        return taken;
      }
      repetition = step.place.repetition;
    } while (tokens_.take(','));
    --depth_;
    return fits_if(tokens_.take('}'));
  }

  Taken take_number(const JsonStep& step, std::uint8_t repetition) {
    const char first = tokens_.next();
    if (first != '-' && (first < '0' || first > '9')) {
      return Taken::misfit;
    }
    const bool is_integer = step.type == FieldType::int32 || step.type == FieldType::int64;
    if (std::int64_t value = 0; is_integer && tokens_.take_short_integer(value)) {
      return add_integer(step, repetition, value);
    }
    if (double value = 0; step.type == FieldType::float64 && tokens_.take_short_real(value)) {
      cells_.add_real(step.place, repetition, value);
      return Taken::fits;
    }
    std::string_view number;
    if (!tokens_.take_number(number)) {
      return Taken::fault;
    }
    switch (step.type) {
      case FieldType::int32:
      case FieldType::int64: {
        const std::optional<std::int64_t> value = integer_of(number);
        return value ? add_integer(step, repetition, *value) : Taken::misfit;
      }
      case FieldType::float32:
      case FieldType::float64:
        return add_real(step, repetition, number);
      case FieldType::decimal:
        return add_decimal(step, repetition, number);
      default:
        return Taken::misfit;
    }
  }

  Taken add_real(const JsonStep& step, std::uint8_t repetition, std::string_view number) {
    const bool is_float = step.type == FieldType::float32;
    const std::optional<double> value =
        is_float && !step.is_narrower ? real_of<float>(number) : real_of<double>(number);
    if (!value) {
      return Taken::misfit;
    }
    if (step.is_narrower && !is_float_exactly(*value)) {
      return conflict();
    }
    cells_.add_real(step.place, repetition, *value);
    return Taken::fits;
  }

  Taken take_string(const JsonStep& step, std::uint8_t repetition) {
    JsonTokens::String string;
    if (!tokens_.take_string(string)) {
      return Taken::fault;
    }
    const std::string_view text = string.escaped ? unescaped(string.raw, cells_.arena()) : string.raw;
    switch (step.type) {
      case FieldType::text:
        cells_.add_text(step.place, repetition, text);
        return Taken::fits;
      case FieldType::bytes: {
        const Result<std::vector<std::byte>> bytes = base64_decode(text);
        if (!bytes.ok()) {
          return Taken::misfit;
        }
        add_copy(step, repetition, *bytes);
        return Taken::fits;
      }
      case FieldType::decimal:
        return is_number(text) ? add_decimal(step, repetition, text) : Taken::misfit;
      case FieldType::date:
      case FieldType::timestamp_millis:
      case FieldType::timestamp_micros:
      case FieldType::local_timestamp_millis:
      case FieldType::local_timestamp_micros: {
        const std::optional<std::int64_t> time = time_of(step.type, text);
        if (!time || !is_readable_time(step.type, *time)) {
          return Taken::misfit;
        }
        cells_.add_number(step.place, repetition, *time);
        return Taken::fits;
      }
      default:
        return Taken::misfit;
    }
  }

  Taken add_integer(const JsonStep& step, std::uint8_t repetition, std::int64_t value) {
    if (step.type == FieldType::int32 && (value < INT32_MIN || value > INT32_MAX)) {
      return step.is_narrower ? conflict() : Taken::misfit;
    }
    cells_.add_number(step.place, repetition, value);
    return Taken::fits;
  }

  Taken add_decimal(const JsonStep& step, std::uint8_t repetition, std::string_view number) {
    const std::optional<DecimalBytes> decimal = decimal_of_text(number, step.precision, step.scale);
    if (!decimal) {
      return step.is_narrower ? conflict() : Taken::misfit;
    }
    add_copy(step, repetition, *decimal);
    return Taken::fits;
  }

  void add_copy(const JsonStep& step, std::uint8_t repetition, Bytes bytes) {
    const MutableBytes room = cells_.arena().room(bytes.size());
    std::ranges::copy(bytes, room.begin());
    cells_.add_text(step.place, repetition, cells_.arena().keep(bytes.size()));
  }

  std::shared_ptr<const Table> table_;
  JsonSteps steps_;
  std::shared_ptr<ShredRoom> room_;
  JsonTokens& tokens_;
  RowCells& cells_;
  std::vector<std::string_view> path_;  // the names of the records that lie around, none of them in a list
  std::size_t opened_ = 0;              // of these: that are open in what is rescued
  std::size_t depth_ = 0;
  std::uint64_t objects_ = 0;  // so far
  bool strangers_ = false;     // the list or map that is taken has members that the table has not
  bool conflict_ = false;  // something in the top field that is taken does not fit another version's column
  std::string conflicts_;  // the names of the last value's fields of which that is so
  bool rescues_reason_ = false;  // a top member of this name is rescued
  bool undecoded_ = false;
};

}  // namespace

std::unique_ptr<Shredder> make_json_shredder(Table table, std::shared_ptr<ShredRoom> room) {
  make_optional(table.fields);
  const auto shared = std::make_shared<const Table>(std::move(table));
  return make_json_shredder(*shared, shared, {}, std::move(room));
}

std::unique_ptr<Shredder> make_json_shredder(const Table& written, std::shared_ptr<const Table> table,
                                             std::string_view record, std::shared_ptr<ShredRoom> room) {
  return std::make_unique<JsonShredder>(written, std::move(table), record, std::move(room));
}

}  // namespace penstock::codec
