#include "rdkafka/member_stamp.h"

#include <cstring>
#include <optional>

namespace penstock::rdkafka {
namespace {

constexpr std::string_view k_magic = "CGMDv2:";

Error unknown_layout(const char* what) {
  return make_error(
      ErrorKind::unsupported, Action::fatal,
      std::string("this librdkafka writes its group metadata in a way that penstock does not know (") + what +
          "), so commits cannot be stamped: use the librdkafka of Debian 12 or 13, or write "
          "source.fetch: librdkafka and guarantee: at_least_once",
      "group metadata");
}

// Takes the text up to the next zero byte; none if there is no such byte.
std::optional<std::string_view> take_text(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return text;
}

}  // namespace

Result<MemberStamp> parse_member_stamp(Bytes written, std::string_view group, std::string_view member_id) {
  std::string_view rest = as_text(written);
  if (!rest.starts_with(k_magic)) {
    return unknown_layout("its beginning");
  }
  rest.remove_prefix(k_magic.size());
  MemberStamp stamp;
  if (rest.size() < sizeof stamp.generation) {
    return unknown_layout("its length");
  }
  std::memcpy(&stamp.generation, rest.data(), sizeof stamp.generation);
  rest.remove_prefix(sizeof stamp.generation);
  const auto its_group = take_text(rest);
  const auto its_member = take_text(rest);
  if (!its_group || !its_member || rest.empty()) {
    return unknown_layout("its length");
  }
  if (*its_group != group || *its_member != member_id) {
    return unknown_layout("its group and member");
  }
  const char flag = rest.front();
  rest.remove_prefix(1);
  if (flag != 0 && flag != 1) {
    return unknown_layout("its flag");
  }
  if (flag == 0) {
    const auto instance = take_text(rest);
    if (!instance) {
      return unknown_layout("its instance");
    }
    stamp.instance_id = std::string(*instance);
  }
  if (!rest.empty()) {
    return unknown_layout("its end");
  }
  stamp.member_id = std::string(*its_member);
  return stamp;
}

}  // namespace penstock::rdkafka
