// Which columns the values of a topic make, as the schema registry has the versions of their schema: for
// people. Records are read by the ids that they name.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "codec/table.h"
#include "codec/table_rules.h"
#include "config/settings.h"
#include "registry/asker.h"
#include "registry/options.h"

namespace penstock::appliance {

// Why the registry has no schema by a topic's name. Empty: it may have one.
std::string_view why_no_subjects(registry::Api api);

struct RegistryColumns {
  codec::Table table;
  std::vector<codec::LeftOut> left_out;  // of any version, each field once
};

// Asks one thing after the other, on a loop of its own.
class RegistryQuestions {
 public:
  // Opens what the registry is asked with. Error: of registry_options() and registry::Asker.
  static Result<std::unique_ptr<RegistryQuestions>> create(const config::Settings& settings);
  ~RegistryQuestions();

  using Ask = std::function<void(registry::Asker& asker, std::function<void(registry::Verdict)> done)>;
  // Waits for the answer, k_request_timeout at most.
  Result<registry::Verdict> ask(const Ask& ask);

  // The columns of all versions of the schema of the topic's values, as its files have them. The error's
  // message says why there are none. Once the registry has not answered, each further call has that error,
  // and asks nothing.
  Result<RegistryColumns> columns_of(const std::string& topic, config::Columns columns);
  bool is_away() const { return away_.has_value(); }

 private:
  struct Parts;
  explicit RegistryQuestions(std::unique_ptr<Parts> parts);
  Result<registry::Verdict> found(const Ask& question);
  Result<RegistryColumns> table_of(const std::string& topic, config::Columns columns);

  std::unique_ptr<Parts> parts_;
  std::optional<Error> away_;
};

}  // namespace penstock::appliance
