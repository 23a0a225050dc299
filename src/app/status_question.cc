#include "app/status_question.h"

#include <chrono>
#include <optional>
#include <utility>

#include "app/admin_client.h"
#include "base/concat.h"
#include "config/address_of.h"

namespace penstock::app {
namespace {

constexpr std::chrono::seconds k_status_patience{5};

std::string refusal(const std::string& config_file) {
  const std::string trouble = config::why_no_admin_token(config_file);
  return trouble.empty() ? concat("the instance does not take admin.token of ", config_file,
                                  ": it has another one, or had none when it started")
                         : concat("the instance asks for admin.token, which cannot be had here: ", trouble);
}

}  // namespace

Result<config::AdminSettings> instance_of(const std::string& config_file) {
  return config::admin_address_in(config_file);
}

Result<StatusAnswer> ask_status(const config::AdminSettings& admin, const std::string& config_file) {
  Result<AdminAnswer> answer = ask_admin(admin, "/api/status", k_status_patience);
  if (!answer.ok()) {
    return std::move(answer).error();
  }
  if (answer->status == 401) {
    return make_error(ErrorKind::forbidden, Action::fatal, refusal(config_file));
  }
  std::optional<codec::JsonValue> status;
  if (answer->status == 200) {
    status = codec::json_object(answer->body);
  }
  if (!status || (*status)["state"].text.empty()) {
    return make_error(ErrorKind::unsupported, Action::fatal,
                      concat("what answers at ", admin.host, ":", admin.port, " says no status (",
                             answer->status, "): see whether it is penstock, and of this version"));
  }
  return StatusAnswer{.json = std::move(answer->body), .status = *std::move(status)};
}

}  // namespace penstock::app
